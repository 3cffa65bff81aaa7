// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the page and this program tell each other over the WebSocket: JSON objects with a `type`.

use serde::{Deserialize, Serialize};

/// From this program to the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToPage {
    /// The first message.
    Hello {
        /// The page is to send its camera.
        camera: bool,
        /// Share of restoration.
        strength: f64,
        /// Share of detail.
        detail: f64,
    },
    /// The session as we offer it (SDP, RFC 8829).
    Offer {
        /// Its text.
        sdp: String,
    },
    /// A way to reach us.
    Candidate {
        /// Number of the media line it belongs to.
        line: u32,
        /// The ICE candidate (RFC 8839).
        candidate: String,
    },
    /// What the controls stand at, for everybody who sees this picture.
    Controls {
        /// Share of restoration.
        strength: f64,
        /// Share of detail.
        detail: f64,
    },
    /// The time that frames are stamped with, as RTP's timestamps count it.
    Clock {
        /// Milliseconds now.
        now: f64,
    },
    /// The last second.
    Stats {
        /// Faces in the newest frame.
        faces: f64,
        /// Frames a second that went through the element.
        frames: f64,
        /// Restorations a second.
        restorations: f64,
        /// Age in ms of the restored detail that was last shown.
        detail_age: f64,
        /// Milliseconds of the network for a face.
        network: f64,
    },
    /// Why there is no picture.
    Error {
        /// For the user.
        message: String,
    },
}

/// From the page to this program.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum FromPage {
    /// The page has its camera, or needs none: an offer can come.
    Ready,
    /// The page's half of the session.
    Answer {
        /// Its text.
        sdp: String,
    },
    /// A way to reach the page.
    Candidate {
        /// Number of the media line.
        line: u32,
        /// The ICE candidate.
        candidate: String,
    },
    /// The controls were moved.
    Controls {
        /// Share of restoration, 0 to 1.
        strength: f64,
        /// Share of detail, 0 to 1.
        detail: f64,
    },
    /// What the page has seen in the last second.
    Report {
        /// Frames shown a second.
        frames: f64,
        /// Width of the restored picture in pixels.
        width: u32,
        /// Height of the restored picture in pixels.
        height: u32,
        /// Milliseconds from a frame's timestamp until it is shown; none before the first [`ToPage::Clock`].
        latency: Option<f64>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_objects_with_a_type() {
        let offer = ToPage::Offer { sdp: "v=0".to_owned() };
        assert_eq!(serde_json::to_string(&offer).unwrap(), r#"{"type":"offer","sdp":"v=0"}"#);
        let read = |text: &str| serde_json::from_str::<FromPage>(text);
        assert_eq!(read(r#"{"type":"ready"}"#).unwrap(), FromPage::Ready);
        let report = r#"{"type":"report","frames":29.9,"width":1280,"height":720,"latency":null}"#;
        let expected = FromPage::Report { frames: 29.9, width: 1280, height: 720, latency: None };
        assert_eq!(read(report).unwrap(), expected);
        for bad in ["", "{}", r#"{"type":"offer"}"#, r#"{"type":"candidate","line":-1,"candidate":""}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
