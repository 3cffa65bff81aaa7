// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events that are others' business go through: keyframes asked for and announced, quality of service, navigation.

use std::sync::{Arc, Mutex};

use gst_video::{DownstreamForceKeyUnitEvent, ForceKeyUnitEvent, NavigationEvent, UpstreamForceKeyUnitEvent};

use super::*;

const MODES: [&str; 2] = ["offline", "live"];

fn element(mode: &str) -> Element {
    let mode = glib::EnumClass::new::<super::super::Mode>().to_value_by_nick(mode).unwrap();
    let mut element = Element::new(&[("mode", mode)]);
    // The caps and the segment go before the first frame.
    element.push(astronaut(0));
    element
}

/// The events of these types that have come out of the sink pad.
fn upstream(element: &mut Element, types: &[gst::EventType]) -> Vec<gst::Event> {
    let all = std::iter::from_fn(|| element.harness.try_pull_upstream_event());
    all.filter(|event| types.contains(&event.type_())).collect()
}

#[test]
fn what_a_receiver_asks_of_the_encoder_before_the_element_comes_out_upstream() {
    for mode in MODES {
        let mut element = element(mode);
        let asked =
            UpstreamForceKeyUnitEvent::builder().running_time(FRAME * 7).all_headers(true).count(3).build();
        let quality = qos(FRAME, -5_000_000);
        let click = NavigationEvent::new_mouse_button_press(1, 10.0, 20.0).build();
        for event in [&asked, &quality, &click] {
            assert!(element.harness.push_upstream_event(event.clone()), "{mode}: {event:?}");
        }
        let types = [gst::EventType::CustomUpstream, gst::EventType::Qos, gst::EventType::Navigation];
        let came = upstream(&mut element, &types);
        let sequence = |events: &[gst::Event]| events.iter().map(|event| event.seqnum()).collect::<Vec<_>>();
        assert_eq!(sequence(&came), sequence(&[asked, quality, click]), "{mode}: each once, in order");
        let parsed = UpstreamForceKeyUnitEvent::parse(&came[0]).unwrap();
        assert_eq!((parsed.running_time, parsed.all_headers, parsed.count), (Some(FRAME * 7), true, 3));
        let gst::EventView::Qos(quality) = came[1].view() else { unreachable!() };
        assert_eq!(quality.get(), (gst::QOSType::Underflow, 3.0, -5_000_000, Some(FRAME)));
    }
}

#[test]
fn an_announced_keyframe_keeps_its_place_between_the_frames() {
    for mode in MODES {
        let mut element = element(mode);
        let came: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = came.clone();
        let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        element.element.static_pad("src").unwrap().add_probe(mask, move |_, probe| {
            let note = match &probe.data {
                Some(gst::PadProbeData::Buffer(buffer)) => format!("{}", buffer.pts().unwrap()),
                Some(gst::PadProbeData::Event(event)) if ForceKeyUnitEvent::is(event) => {
                    "keyframe".to_owned()
                }
                _ => return gst::PadProbeReturn::Ok,
            };
            noted.lock().unwrap().push(note);
            gst::PadProbeReturn::Ok
        });
        element.push(astronaut(1));
        let announced = DownstreamForceKeyUnitEvent::builder().running_time(FRAME * 2).count(1).build();
        assert!(element.harness.push_event(announced));
        element.push(astronaut(2));
        let expected = [format!("{FRAME}"), "keyframe".to_owned(), format!("{}", FRAME * 2)];
        assert_eq!(*came.lock().unwrap(), expected, "{mode}");
    }
}
