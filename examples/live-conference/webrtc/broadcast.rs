// SPDX-License-Identifier: MIT OR Apache-2.0
//! One source for all viewers: its picture as it is and restored, each encoded once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;
use gst_utils::StreamProducer;

use super::restoration::Restoration;
use crate::bus::{self, End};
use crate::cli::Cli;
use crate::sender;

/// How long a source may take to give its first picture.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const POLL: Duration = Duration::from_millis(10);

/// VP8, which every browser decodes, for a picture that must not wait.
pub fn encoder(kilobits: u32) -> String {
    format!(
        "vp8enc deadline=1 cpu-used=8 threads=2 lag-in-frames=0 end-usage=cbr error-resilient=partitions \
         keyframe-max-dist=300 target-bitrate={}",
        u64::from(kilobits) * 1000
    )
}

/// The picture that everybody sees.
#[derive(Debug)]
pub struct Broadcast {
    /// The pipeline of the source.
    pub pipeline: gst::Pipeline,
    /// Its element.
    pub restoration: Arc<Restoration>,
    /// The streams, in the order of the session's media lines: restored, as it is.
    pub streams: [StreamProducer; 2],
}

impl Broadcast {
    /// Builds the pipeline of `cli`'s source and plays it, a file again and again.
    ///
    /// # Errors
    /// When the source does not exist, gives no picture, or an element is missing.
    pub fn start(cli: &Cli) -> Result<Self> {
        let encoder = encoder(cli.bitrate);
        let line = format!(
            "{} ! videoconvert ! video/x-raw,format=I420 ! tee name=picture \
             picture. ! queue max-size-buffers=3 ! facerestore name=restorer mode=live \
             ! queue leaky=downstream max-size-buffers=0 max-size-bytes=0 max-size-time=300000000 ! {encoder} \
             ! appsink name=restored sync=false \
             picture. ! queue leaky=downstream max-size-buffers=0 max-size-bytes=0 max-size-time=300000000 ! {encoder} \
             ! appsink name=original sync=false",
            sender::source_line(cli)?
        );
        let pipeline = gst::parse::launch(&line).context("an element is missing: run scripts/setup")?;
        let pipeline = pipeline.downcast::<gst::Pipeline>().ok().context("the line makes a pipeline")?;
        sender::name_source(cli, &pipeline)?;
        let named = |name: &str| pipeline.by_name(name).with_context(|| format!("the line names {name}"));
        let restorer = named("restorer")?;
        restorer.set_property("strength", cli.strength.clamp(0.0, 1.0));
        restorer.set_property("detail", cli.detail.clamp(0.0, 1.0));
        let stream = |name: &str| -> Result<StreamProducer> {
            let sink = named(name)?.downcast::<gst_app::AppSink>().ok().context("the line has appsinks")?;
            Ok(StreamProducer::from(&sink))
        };
        let streams = [stream("restored")?, stream("original")?];
        let broadcast = Self { restoration: Arc::new(Restoration::new(restorer)), streams, pipeline };
        broadcast.play(cli)?;
        Ok(broadcast)
    }

    fn play(&self, cli: &Cli) -> Result<()> {
        let start = Instant::now();
        let refused = self.pipeline.set_state(gst::State::Paused).is_err();
        let picture = self.pipeline.by_name("picture").context("the line names picture")?;
        let input = picture.static_pad("sink").context("a tee has an input")?;
        // A file can be sought in once it is known what it holds.
        while cli.is_of_file() && input.current_caps().is_none() {
            // The bus says why.
            self.look_after()?;
            ensure!(!refused && start.elapsed() < PATIENCE, "{} gives no picture", cli.source);
            std::thread::sleep(POLL);
        }
        if cli.is_of_file() {
            self.seek(gst::SeekFlags::FLUSH)?;
        }
        if self.pipeline.set_state(gst::State::Playing).is_err() {
            self.look_after()?;
            bail!("{} does not play", cli.source);
        }
        Ok(())
    }

    /// Goes to the beginning. At the end a segment is done, and the stream goes on with the next one.
    fn seek(&self, flags: gst::SeekFlags) -> Result<()> {
        let flags = flags | gst::SeekFlags::SEGMENT;
        let sink = self.streams[0].appsink();
        sink.seek_simple(flags, gst::ClockTime::ZERO)
            .context("the file cannot be played from its beginning again")
    }

    /// Handles what the pipeline has to say.
    ///
    /// # Errors
    /// What went wrong in it.
    pub fn look_after(&self) -> Result<()> {
        while let Some(end) = bus::next_end(&self.pipeline, gst::ClockTime::ZERO)? {
            match end {
                End::Segment => self.seek(gst::SeekFlags::empty())?,
                End::Stream => bail!("the source has come to its end"),
            }
        }
        Ok(())
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use gst_video::UpstreamForceKeyUnitEvent;

    use super::*;

    /// The encoder makes a keyframe each 300 frames by itself, so one within so few was asked for.
    const SOON: usize = 20;
    /// How long a frame may take on a busy machine.
    const LONGEST: gst::ClockTime = gst::ClockTime::from_seconds(60);

    /// Whether the next frame that comes to a viewer is a keyframe.
    fn is_key(viewer: &gst_app::AppSink) -> bool {
        let sample = viewer.try_pull_sample(LONGEST).expect("a frame comes");
        !sample.buffer().unwrap().flags().contains(gst::BufferFlags::DELTA_UNIT)
    }

    /// A browser that has lost packets sends PLI (RFC 4585) or FIR (RFC 5104), which `webrtcbin` sends upstream from the viewer's
    /// pipeline as this event. The encoder is in the source's pipeline.
    #[test]
    fn a_viewer_who_asks_for_a_keyframe_gets_one_of_each_stream() {
        gst::init().unwrap();
        gstfacerestore::plugin_register_static().unwrap();
        let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/carphone_pristine.mp4");
        let cli = Cli::parse_from(["live-conference", "--webrtc", "--source", clip]);
        let broadcast = Broadcast::start(&cli).unwrap();
        for stream in &broadcast.streams {
            let line = "appsrc name=stream ! appsink name=viewer sync=false async=false";
            let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
            let stream_end = pipeline.by_name("stream").and_downcast::<gst_app::AppSrc>().unwrap();
            let viewer = pipeline.by_name("viewer").and_downcast::<gst_app::AppSink>().unwrap();
            let link = stream.add_consumer(&stream_end).unwrap();
            pipeline.set_state(gst::State::Playing).unwrap();
            assert!(is_key(&viewer), "a viewer begins with a keyframe");
            for request in 0..3 {
                let mut quiet = 0;
                while quiet < SOON {
                    quiet = if is_key(&viewer) { 0 } else { quiet + 1 };
                    broadcast.look_after().unwrap();
                }
                let event = UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
                // An appsrc handles no such event itself, and says so.
                viewer.static_pad("sink").unwrap().push_event(event);
                assert!((0..SOON).any(|_| is_key(&viewer)), "request {request} was not answered");
            }
            drop(link);
            pipeline.set_state(gst::State::Null).unwrap();
        }
    }
}
