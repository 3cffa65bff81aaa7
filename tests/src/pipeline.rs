// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole pipelines: made from a launch line, watched by pad probes and on the bus.

use std::sync::{Arc, Mutex};

use gst::prelude::*;

/// No test waits longer than this for a message; generous, since machines can be busy.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(180);

/// The element on the CPU with [`model`](crate::model) and then these properties.
#[must_use]
pub fn element(properties: &[(&str, &dyn ToValue)]) -> gst::Element {
    let model: [(&str, &dyn ToValue); 1] = [("model", &crate::model())];
    shipped_element(&[&model, properties].concat())
}

/// The element on the CPU as a user gets it, with the model that belongs to its mode unless these properties name one.
#[must_use]
pub fn shipped_element(properties: &[(&str, &dyn ToValue)]) -> gst::Element {
    crate::init();
    let element = gst::ElementFactory::make("facerestore")
        .property("detector", crate::detector())
        .property("device", "cpu")
        .build()
        .unwrap();
    for (name, value) in properties {
        element.set_property_from_value(name, &value.to_value());
    }
    element
}

/// What went through a pad, in order.
#[derive(Debug, Clone)]
pub struct Recording<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone + Send + 'static> Recording<T> {
    /// Records what `value` makes of each buffer that passes `pad` of `element`; a flush empties the recording.
    pub fn of(
        element: &gst::Element,
        pad: &str,
        value: impl Fn(&gst::BufferRef) -> T + Send + Sync + 'static,
    ) -> Self {
        let recording = Self(Arc::default());
        let values = recording.clone();
        let mask =
            gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::EVENT_FLUSH;
        let pad = element.static_pad(pad).unwrap();
        pad.add_probe(mask, move |_, probe| {
            match &probe.data {
                Some(gst::PadProbeData::Buffer(buffer)) => values.0.lock().unwrap().push(value(buffer)),
                Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::FlushStop => {
                    values.0.lock().unwrap().clear();
                }
                _ => (),
            }
            gst::PadProbeReturn::Ok
        })
        .unwrap();
        recording
    }

    /// What was recorded so far.
    #[must_use]
    pub fn values(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// Plays to the end of the stream and stops.
///
/// # Panics
/// On an error message or when nothing comes for three minutes.
pub fn play_to_end(pipeline: &gst::Pipeline) {
    pipeline.set_state(gst::State::Playing).unwrap();
    wait_for(pipeline, gst::MessageType::Eos);
    pipeline.set_state(gst::State::Null).unwrap();
}

/// Waits for a message of this type.
///
/// # Panics
/// On an error message or when nothing comes for three minutes.
pub fn wait_for(pipeline: &gst::Pipeline, kind: gst::MessageType) -> gst::Message {
    let bus = pipeline.bus().unwrap();
    let message = bus.timed_pop_filtered(PATIENCE, &[kind, gst::MessageType::Error]);
    let message = message.unwrap_or_else(|| panic!("no {kind:?} in {PATIENCE}"));
    if let gst::MessageView::Error(error) = message.view() {
        panic!("{} ({:?})", error.error(), error.debug());
    }
    message
}

/// The messages of this type that are on the bus now.
#[must_use]
pub fn on_bus(bus: &gst::Bus, kind: gst::MessageType) -> Vec<gst::Message> {
    std::iter::from_fn(|| bus.pop_filtered(&[kind])).collect()
}

/// The user text of the first error or warning on the bus.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn first_message(bus: &gst::Bus) -> String {
    let message = bus.pop_filtered(&[gst::MessageType::Error, gst::MessageType::Warning]);
    let message = message.expect("an error or warning on the bus");
    match message.view() {
        gst::MessageView::Error(error) => error.error().to_string(),
        gst::MessageView::Warning(warning) => warning.error().to_string(),
        _ => unreachable!("the bus was asked for errors and warnings"),
    }
}
