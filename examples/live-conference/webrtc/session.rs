// SPDX-License-Identifier: MIT OR Apache-2.0
//! A viewer's WebSocket: messages from the page, messages to it, until one of both is gone.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tungstenite::error::ProtocolError;
use tungstenite::{Message, WebSocket};

use super::Call;
use super::message::{FromPage, ToPage};
use super::peer::Peer;

/// How long the socket is listened to before it is looked for what to send.
const TURN: Duration = Duration::from_millis(20);
/// How often the page is told what happens.
const INTERVAL: Duration = Duration::from_secs(1);

/// One viewer.
pub struct Session<'a> {
    call: &'a Call<'a>,
    number: u64,
    socket: WebSocket<TcpStream>,
    peer: Option<Peer>,
    incoming: Receiver<ToPage>,
    outgoing: Sender<ToPage>,
    controls: (f64, f64),
}

impl<'a> Session<'a> {
    /// Viewer `number` of `call`.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn new(call: &'a Call<'a>, number: u64, socket: WebSocket<TcpStream>) -> Result<Self> {
        socket.get_ref().set_read_timeout(Some(TURN)).context("the socket takes no time-out")?;
        let (outgoing, incoming) = channel();
        let controls = call.controls();
        Ok(Self { call, number, socket, peer: None, incoming, outgoing, controls })
    }

    /// Serves it until the page closes or the call is over. A page is told what fails.
    ///
    /// # Errors
    /// What failed.
    pub fn run(mut self) -> Result<()> {
        let result = self.serve();
        if let Err(error) = &result {
            // It may be the socket itself that failed.
            let _ = self.send(&ToPage::Error { message: format!("{error:#}") });
        }
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
        result
    }

    fn serve(&mut self) -> Result<()> {
        let (strength, detail) = self.controls;
        self.send(&ToPage::Hello { camera: self.call.broadcast.is_none(), strength, detail })?;
        let mut told = Instant::now();
        while !self.call.is_over() {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message =
                        serde_json::from_str(&text).context("the page says what is not known here")?;
                    self.handle(message)?;
                }
                Ok(Message::Close(_))
                | Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {
                    return Ok(());
                }
                Ok(_) => (),
                // A browser that is closed, or reloads, says no good-bye.
                Err(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                    return Ok(());
                }
                Err(tungstenite::Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("the page is gone"),
            }
            while let Ok(message) = self.incoming.try_recv() {
                self.send(&message)?;
            }
            if let Some(peer) = &self.peer {
                peer.look_after()?;
            }
            if told.elapsed() >= INTERVAL {
                told = Instant::now();
                self.tell()?;
            }
        }
        Ok(())
    }

    fn handle(&mut self, message: FromPage) -> Result<()> {
        match message {
            FromPage::Ready if self.peer.is_none() => {
                let cli = self.call.cli;
                self.peer = Some(match &self.call.broadcast {
                    Some(broadcast) => Peer::of_broadcast(cli, broadcast, &self.outgoing)?,
                    None => Peer::of_camera(cli, &self.outgoing)?,
                });
            }
            FromPage::Answer { sdp } => self.peer()?.answer(&sdp)?,
            FromPage::Candidate { line, candidate } => self.peer()?.candidate(line, &candidate),
            FromPage::Controls { strength, detail } => {
                let restoration = &self.peer()?.restoration;
                restoration.control(strength, detail);
                // The page that moved them knows.
                self.controls = restoration.controls();
            }
            FromPage::Report { frames, width, height, latency } => {
                let latency = latency.map_or_else(
                    || "latency unknown yet".to_owned(),
                    |latency| format!("glass to glass {latency:.0} ms"),
                );
                println!("viewer {}: {frames:.1} fps of {width}x{height} shown; {latency}", self.number);
            }
            FromPage::Ready => bail!("the page has been ready before"),
        }
        Ok(())
    }

    fn peer(&self) -> Result<&Peer> {
        self.peer.as_ref().context("the page has not said that it is ready")
    }

    /// Tells the page the last second's figures, and the controls where somebody else moved them.
    fn tell(&mut self) -> Result<()> {
        let Some(peer) = &self.peer else { return Ok(()) };
        let (stats, controls) = (self.call.stats(peer), peer.restoration.controls());
        for message in [peer.clock(), stats].into_iter().flatten() {
            self.send(&message)?;
        }
        if controls != self.controls {
            self.controls = controls;
            self.send(&ToPage::Controls { strength: controls.0, detail: controls.1 })?;
        }
        Ok(())
    }

    fn send(&mut self, message: &ToPage) -> Result<()> {
        let text = serde_json::to_string(message).context("a message is JSON")?;
        self.socket.send(Message::text(text)).context("the page does not listen")
    }
}
