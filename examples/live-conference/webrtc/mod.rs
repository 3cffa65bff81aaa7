// SPDX-License-Identifier: MIT OR Apache-2.0
//! The call in a browser: a page and its signalling over a WebSocket, media by WebRTC.

mod broadcast;
mod http;
mod message;
mod peer;
mod restoration;
mod session;

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use self::broadcast::Broadcast;
use self::message::ToPage;
use self::peer::Peer;
use self::session::Session;
use crate::cli::Cli;

/// How often connections and errors are looked for.
const POLL: Duration = Duration::from_millis(20);
/// Clients at a time: each viewer has a pipeline.
const MOST_CLIENTS: usize = 32;

/// What all viewers share.
pub struct Call<'a> {
    cli: &'a Cli,
    /// The picture for all; none where each viewer sees their own camera.
    broadcast: Option<Broadcast>,
    /// The broadcast's last figures and when they were taken.
    figures: Mutex<Option<(Instant, ToPage)>>,
    stop: &'a AtomicBool,
    failed: AtomicBool,
    clients: AtomicUsize,
    viewers: AtomicU64,
}

impl Call<'_> {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }

    /// Strength and detail that a new viewer finds.
    fn controls(&self) -> (f64, f64) {
        let own = (self.cli.strength, self.cli.detail);
        self.broadcast.as_ref().map_or(own, |broadcast| broadcast.restoration.controls())
    }

    /// The figures of the picture that `peer` sees. Those of a broadcast are the same for all viewers.
    fn stats(&self, peer: &Peer) -> Option<ToPage> {
        if self.broadcast.is_none() {
            return peer.restoration.stats();
        }
        let mut figures = self.figures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Viewers ask once a second, each at their own moment.
        if figures.as_ref().is_none_or(|(taken, _)| taken.elapsed() >= Duration::from_millis(900)) {
            *figures = peer.restoration.stats().map(|stats| (Instant::now(), stats));
        }
        figures.as_ref().map(|(_, stats)| stats.clone())
    }

    /// Serves one connection.
    fn serve(&self, stream: TcpStream) {
        let Ok(Some(socket)) = http::accept(stream) else { return };
        let number = self.viewers.fetch_add(1, Ordering::Relaxed) + 1;
        println!("viewer {number}: here");
        let result = Session::new(self, number, socket).and_then(Session::run);
        match result {
            Ok(()) => println!("viewer {number}: gone"),
            Err(error) => println!("viewer {number}: {error:#}"),
        }
    }
}

/// Serves the page until `stop` is set or the time is up.
///
/// # Errors
/// When the address cannot be had, or the source fails.
pub fn serve(cli: &Cli, stop: &AtomicBool) -> Result<()> {
    let listener = TcpListener::bind(cli.listen)
        .with_context(|| format!("cannot listen at {}: give another address with --listen", cli.listen))?;
    listener.set_nonblocking(true).context("the address cannot be listened at")?;
    let call = Call {
        cli,
        broadcast: if cli.is_of_browser() { None } else { Some(Broadcast::start(cli)?) },
        figures: Mutex::default(),
        stop,
        failed: AtomicBool::new(false),
        clients: AtomicUsize::new(0),
        viewers: AtomicU64::new(0),
    };
    announce(&listener)?;
    let end = cli.seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    std::thread::scope(|scope| {
        let result = loop {
            if call.is_over() || end.is_some_and(|end| Instant::now() >= end) {
                break Ok(());
            }
            if let Some(broadcast) = &call.broadcast
                && let Err(error) = broadcast.look_after()
            {
                break Err(error);
            }
            match listener.accept() {
                Ok((stream, _)) if call.clients.load(Ordering::Relaxed) < MOST_CLIENTS => {
                    call.clients.fetch_add(1, Ordering::Relaxed);
                    let call = &call;
                    scope.spawn(move || {
                        if stream.set_nonblocking(false).is_ok() {
                            call.serve(stream);
                        }
                        call.clients.fetch_sub(1, Ordering::Relaxed);
                    });
                }
                // One more than can be served: closed at once, and the page tries again.
                Ok(_) => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(POLL),
                Err(error) => break Err(error).context("no connection can be taken"),
            }
        };
        // The sessions end with the call, however it ends.
        call.failed.store(true, Ordering::Relaxed);
        result
    })
}

/// Tells where the page is and who can reach it.
fn announce(listener: &TcpListener) -> Result<()> {
    let address = listener.local_addr().context("the address is known")?;
    println!("the call is at http://{address}/");
    if address.ip().is_loopback() {
        println!("only this machine can reach it: page, signalling and media stay on the loopback");
    } else {
        println!(
            "everybody who can reach {address} can see the picture and move its controls: the page and its signalling are \
             not encrypted and ask for no password (media is, by DTLS-SRTP, and uses UDP ports of all network interfaces). \
             A browser gives its camera to pages of https or of its own machine only: put a proxy with TLS in front"
        );
    }
    Ok(())
}
