// SPDX-License-Identifier: MIT OR Apache-2.0
//! Live mode as a call has it: frames come by the clock, and a sink that keeps time counts those that are late.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::Frame;

/// What a sink saw.
#[derive(Debug, Clone, Copy)]
pub struct Punctuality {
    /// Frames that came too late to be shown.
    pub late: u64,
    /// Frames that were shown in time.
    pub shown: u64,
    /// What the element added to the latency at the end.
    pub latency: Duration,
}

/// Plays `frames` by turns, at `rate` a second for `seconds`, through the element in live mode into a sink that keeps time
/// by the latency that the element answers, with no tolerance. Frames of the first second are not counted: the sink learns
/// of a new latency only once the element has measured it.
///
/// # Panics
/// On an error message.
#[must_use]
pub fn punctuality(frames: &[Frame], rate: i32, seconds: u64) -> Punctuality {
    let element = crate::shipped_element(&[]);
    element.set_property_from_str("mode", "live");
    let mut caps = frames[0].caps();
    caps.make_mut().set("framerate", gst::Fraction::new(rate, 1));
    let make = gst::ElementFactory::make;
    let source = make("appsrc").property("is-live", true).property_from_str("format", "time");
    let source = source.property("caps", &caps).build().unwrap();
    let sink = make("fakesink").property("sync", true).property("max-lateness", 0_i64);
    let sink = sink.property("processing-deadline", 0_u64).property("qos", false).build().unwrap();
    // As in every live pipeline: a sink holds its thread until a frame is due, and the next one must not wait for that.
    let queue = make("queue").build().unwrap();
    let pipeline = gst::Pipeline::new();
    let all = [&source, &element, &queue, &sink];
    pipeline.add_many(all).unwrap();
    gst::Element::link_many(all).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let counted = |sink: &gst::Element| {
        let stats = sink.property::<gst::Structure>("stats");
        (stats.get::<u64>("dropped").unwrap(), stats.get::<u64>("rendered").unwrap())
    };
    let (start, interval) = (Instant::now(), Duration::from_secs(1) / rate as u32);
    let mut before = (0, 0);
    for index in 0..seconds as u32 * rate as u32 {
        std::thread::sleep((start + interval * index).saturating_duration_since(Instant::now()));
        let mut buffer = frames[index as usize % frames.len()].buffer();
        // Taken now, however long it then waits for the element.
        buffer.make_mut().set_pts(pipeline.current_running_time());
        let pushed = source.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]);
        assert_eq!(pushed, gst::FlowReturn::Ok);
        if index == rate as u32 {
            before = counted(&sink);
        }
        tell_of_latency(&pipeline);
    }
    let after = counted(&sink);
    let mut query = gst::query::Latency::new();
    assert!(element.static_pad("src").unwrap().query(&mut query));
    let latency = query.result().1.into();
    pipeline.set_state(gst::State::Null).unwrap();
    Punctuality { late: after.0 - before.0, shown: after.1 - before.1, latency }
}

/// What every application does on a Latency message.
fn tell_of_latency(pipeline: &gst::Pipeline) {
    let bus = pipeline.bus().unwrap();
    while let Some(message) = bus.pop_filtered(&[gst::MessageType::Latency, gst::MessageType::Error]) {
        match message.view() {
            gst::MessageView::Error(error) => panic!("{} ({:?})", error.error(), error.debug()),
            _ => pipeline.recalculate_latency().unwrap(),
        }
    }
}
