// SPDX-License-Identifier: MIT OR Apache-2.0
//! One viewer's session: a pipeline about `webrtcbin` (JSEP, RFC 8829), in which we make the offer.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;
use gst_utils::ConsumptionLink;
use gst_webrtc::{WebRTCSDPType, WebRTCSessionDescription};

use super::broadcast::{Broadcast, encoder};
use super::message::ToPage;
use super::restoration::Restoration;
use crate::bus;
use crate::cli::Cli;

/// VP8 as RTP (RFC 7741), with picture ids, by which a browser knows what it has lost.
/// Timestamps begin at 0, so that the page can tell a frame's age by them.
const PAYLOADER: &str = "rtpvp8pay pt=96 picture-id-mode=15-bit timestamp-offset=0 \
                         ! application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000";
/// What comes from a page's camera. After a loss the page is asked for a keyframe. Where the element does not keep up, the newest
/// frame counts.
const FROM_CAMERA: &str =
    "rtpvp8depay request-keyframe=true ! vp8dec ! appsink name=arrived sync=false max-buffers=2 drop=true";
/// How long a jitter buffer waits for late packets, in ms.
const JITTER_BUFFER: u32 = 50;
/// Size of the grey picture that is sent before the camera's first: a session is offered once the streams are known.
const GREY: (usize, usize) = (320, 240);

/// A viewer's pipeline; it ends when this is dropped.
#[derive(Debug)]
pub struct Peer {
    pipeline: gst::Pipeline,
    webrtc: gst::Element,
    /// What the viewer's controls control.
    pub restoration: Arc<Restoration>,
    /// From the streams of a broadcast.
    _links: Vec<ConsumptionLink>,
}

impl Peer {
    /// A viewer of `broadcast`. What the page must be told goes to `outgoing`.
    ///
    /// # Errors
    /// When an element is missing or does not start.
    pub fn of_broadcast(cli: &Cli, broadcast: &Broadcast, outgoing: &Sender<ToPage>) -> Result<Self> {
        let stream = |index: usize| format!("appsrc name=stream{index} ! {PAYLOADER} ! peer.");
        let (pipeline, webrtc) = session(cli, &format!("{} {}", stream(0), stream(1)), outgoing)?;
        // The streams keep the source's time.
        pipeline.use_clock(broadcast.pipeline.clock().as_ref());
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(broadcast.pipeline.base_time().context("the source plays")?);
        let links = broadcast.streams.iter().enumerate().map(|(index, stream)| {
            let consumer = source(&pipeline, &format!("stream{index}"))?;
            stream.add_consumer(&consumer).context("a stream has each viewer once")
        });
        let links = links.collect::<Result<_>>()?;
        let peer = Self { pipeline, webrtc, restoration: broadcast.restoration.clone(), _links: links };
        peer.start()?;
        Ok(peer)
    }

    /// A viewer whose own camera is restored and sent back.
    ///
    /// # Errors
    /// When an element is missing or does not start.
    pub fn of_camera(cli: &Cli, outgoing: &Sender<ToPage>) -> Result<Self> {
        let line = format!(
            "appsrc name=camera is-live=true format=time do-timestamp=true leaky-type=downstream max-buffers=2 max-bytes=0 \
             ! videoconvert ! facerestore name=restorer mode=live \
             ! queue leaky=downstream max-size-buffers=0 max-size-bytes=0 max-size-time=300000000 ! videoconvert \
             ! {} ! {PAYLOADER} ! peer.",
            encoder(cli.bitrate)
        );
        let (pipeline, webrtc) = session(cli, &line, outgoing)?;
        let camera = source(&pipeline, "camera")?;
        let restorer = pipeline.by_name("restorer").context("the line names restorer")?;
        let restoration = Restoration::new(restorer);
        restoration.control(cli.strength, cli.detail);
        let destination = camera.clone();
        webrtc.connect_pad_added(move |webrtc, pad| {
            if pad.direction() == gst::PadDirection::Src
                && let Err(error) = receive(webrtc, pad, &destination)
            {
                gst::element_error!(webrtc, gst::StreamError::Failed, ("{error:#}"));
            }
        });
        let peer = Self { pipeline, webrtc, restoration: Arc::new(restoration), _links: Vec::new() };
        peer.start()?;
        camera.push_sample(&grey()).context("the first picture is not taken")?;
        Ok(peer)
    }

    fn start(&self) -> Result<()> {
        if self.pipeline.set_state(gst::State::Playing).is_err() {
            // The bus says why.
            self.look_after()?;
            bail!("the viewer's pipeline does not start");
        }
        Ok(())
    }

    /// The page's half of the session.
    ///
    /// # Errors
    /// When it is no SDP.
    pub fn answer(&self, sdp: &str) -> Result<()> {
        let message = gst_sdp::SDPMessage::parse_buffer(sdp.as_bytes()).context("the answer is no SDP")?;
        let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, message);
        self.webrtc.emit_by_name::<()>("set-remote-description", &[&answer, &None::<gst::Promise>]);
        Ok(())
    }

    /// A way to reach the page. A browser may hide its address behind a name that only it knows (`….local`); it then reaches
    /// us, which is enough.
    pub fn candidate(&self, line: u32, candidate: &str) {
        self.webrtc.emit_by_name::<()>("add-ice-candidate", &[&line, &candidate]);
    }

    /// The time of the frames that are taken now.
    pub fn clock(&self) -> Option<ToPage> {
        let now = self.pipeline.current_running_time()?;
        Some(ToPage::Clock { now: now.nseconds() as f64 / 1e6 })
    }

    /// Handles what the pipeline has to say.
    ///
    /// # Errors
    /// What went wrong in it.
    pub fn look_after(&self) -> Result<()> {
        // A viewer's streams end with the session: their ends are no news.
        while bus::next_end(&self.pipeline, gst::ClockTime::ZERO)?.is_some() {}
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// A pipeline of `line`, which ends in `peer.`, that offers its session to the page.
fn session(cli: &Cli, line: &str, outgoing: &Sender<ToPage>) -> Result<(gst::Pipeline, gst::Element)> {
    let line = format!("webrtcbin name=peer bundle-policy=max-bundle latency={JITTER_BUFFER} {line}");
    let pipeline =
        gst::parse::launch(&line).context("an element is missing (gstreamer1.0-nice?): run scripts/setup")?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().ok().context("the line makes a pipeline")?;
    let webrtc = pipeline.by_name("peer").context("the line names peer")?;
    if cli.listen.ip().is_loopback() {
        // Media stays on this machine as the page does.
        let agent = webrtc.property::<gst::glib::Object>("ice-agent");
        let bound = agent.emit_by_name::<bool>("add-local-ip-address", &[&cli.listen.ip().to_string()]);
        ensure!(bound, "media cannot be bound to {}", cli.listen.ip());
    }
    let page = outgoing.clone();
    webrtc.connect("on-negotiation-needed", false, move |values| {
        if let Some(Ok(webrtc)) = values.first().map(gst::glib::Value::get::<gst::Element>) {
            offer(&webrtc, page.clone());
        }
        None
    });
    let page = outgoing.clone();
    webrtc.connect("on-ice-candidate", false, move |values| {
        if let [_, line, candidate] = values
            && let (Ok(line), Ok(candidate)) = (line.get::<u32>(), candidate.get::<String>())
        {
            // A page that is gone needs none.
            let _ = page.send(ToPage::Candidate { line, candidate });
        }
        None
    });
    Ok((pipeline, webrtc))
}

/// Makes an offer, takes it as our half, and sends it to the page.
fn offer(webrtc: &gst::Element, page: Sender<ToPage>) {
    let weak = webrtc.downgrade();
    let promise = gst::Promise::with_change_func(move |reply| {
        let offer =
            reply.ok().flatten().and_then(|reply| reply.get::<WebRTCSessionDescription>("offer").ok());
        let (Some(offer), Some(webrtc)) = (offer, weak.upgrade()) else { return };
        webrtc.emit_by_name::<()>("set-local-description", &[&offer, &None::<gst::Promise>]);
        let message = match offer.sdp().as_text() {
            Ok(sdp) => ToPage::Offer { sdp },
            Err(error) => ToPage::Error { message: error.to_string() },
        };
        let _ = page.send(message);
    });
    webrtc.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &promise]);
}

/// Decodes what comes out of `pad` into `destination`.
fn receive(webrtc: &gst::Element, pad: &gst::Pad, destination: &gst_app::AppSrc) -> Result<()> {
    let parent = webrtc.parent().and_downcast::<gst::Bin>().context("the session is in a pipeline")?;
    let decoder = gst::parse::bin_from_description(FROM_CAMERA, true).context("an element is missing")?;
    let arrived =
        decoder.by_name("arrived").and_downcast::<gst_app::AppSink>().context("it is an appsink")?;
    let destination = destination.clone();
    arrived.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |arrived| {
                let sample = arrived.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                destination.push_sample(&sample)
            })
            .build(),
    );
    parent.add(&decoder)?;
    decoder.sync_state_with_parent()?;
    let input = decoder.static_pad("sink").context("the bin has an input")?;
    pad.link(&input).context("the camera's stream is of an unknown kind")?;
    Ok(())
}

fn source(pipeline: &gst::Pipeline, name: &str) -> Result<gst_app::AppSrc> {
    pipeline.by_name(name).and_downcast().with_context(|| format!("the line has an appsrc {name}"))
}

/// A grey picture.
fn grey() -> gst::Sample {
    let (width, height) = GREY;
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", width as i32)
        .field("height", height as i32)
        .field("framerate", gst::Fraction::new(0, 1))
        .build();
    let picture = gst::Buffer::from_mut_slice(vec![128_u8; width * height * 3 / 2]);
    gst::Sample::builder().buffer(&picture).caps(&caps).build()
}
