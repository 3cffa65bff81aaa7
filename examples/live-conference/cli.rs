// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;

/// Restores the faces of a call while it runs, and measures how late the picture arrives.
///
/// Each second it prints the frame rate, the restorations, and the time from a frame's capture until it is shown, which the
/// frame carries along in an RTP header extension (RFC 6051). Ctrl-C ends the call.
#[derive(Debug, Parser)]
#[command(name = "live-conference", version)]
pub struct Cli {
    /// Where pictures come from: a camera's device (/dev/video0), a video file, which is played at its own speed, test, a
    /// test picture, or, with --webrtc, browser: each viewer's own camera
    #[arg(long, value_name = "DEVICE|FILE|test|browser", default_value = "/dev/video0")]
    pub source: String,
    /// Where H.264 over RTP goes; an address of this machine's loopback is received and shown by this program
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:5004")]
    pub to: SocketAddr,
    /// Instead of RTP, a v4l2loopback device: a virtual camera for any program for calls
    #[arg(long, value_name = "DEVICE", conflicts_with = "to")]
    pub device: Option<PathBuf>,
    /// Instead of RTP, a page for browsers (WebRTC): before and after, with controls for strength and detail. A file is
    /// played again and again
    #[arg(long, conflicts_with_all = ["to", "device", "window", "jitter_buffer"])]
    pub webrtc: bool,
    /// Where the page of --webrtc is; who can reach the address can see the picture
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080", requires = "webrtc")]
    pub listen: SocketAddr,
    /// Show what is received in a window
    #[arg(long)]
    pub window: bool,
    /// Share of restoration in the picture
    #[arg(long, value_name = "0..1", default_value_t = 1.0)]
    pub strength: f64,
    /// Share of the texture that the network draws
    #[arg(long, value_name = "0..1", default_value_t = 1.0)]
    pub detail: f64,
    /// How long the receiver waits for late packets
    #[arg(long, value_name = "MS", default_value_t = 20)]
    pub jitter_buffer: u32,
    /// Bit rate of H.264, or of VP8 in WebRTC
    #[arg(long, value_name = "KBIT/S", default_value_t = 2500)]
    pub bitrate: u32,
    /// End after so long
    #[arg(long, value_name = "S")]
    pub seconds: Option<f64>,
}

/// Where the restored video goes.
#[derive(Debug, Clone)]
pub enum Output {
    /// To this address.
    Rtp(SocketAddr),
    /// Into this device.
    Device(PathBuf),
}

impl Cli {
    /// Whether the picture comes from the viewers' cameras.
    #[must_use]
    pub fn is_of_browser(&self) -> bool {
        self.webrtc && self.source == "browser"
    }

    /// Whether the picture comes from a camera of this machine.
    #[must_use]
    pub fn is_of_camera(&self) -> bool {
        self.source.starts_with("/dev/")
    }

    /// Whether the picture comes from a file.
    #[must_use]
    pub fn is_of_file(&self) -> bool {
        !self.is_of_browser() && !self.is_of_camera() && self.source != "test"
    }

    /// Where the restored video goes.
    ///
    /// # Errors
    /// When the device does not exist.
    pub fn output(&self) -> Result<Output> {
        let Some(device) = &self.device else { return Ok(Output::Rtp(self.to)) };
        ensure!(
            device.exists(),
            "there is no {}: load the kernel module v4l2loopback (modprobe v4l2loopback), or leave --device out",
            device.display()
        );
        Ok(Output::Device(device.clone()))
    }
}
