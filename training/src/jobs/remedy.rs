// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a command that failed says last: its error, and what to do where the disk or the memory was used up.

use std::io;

/// The error with its causes in one line, without libtorch's own trace; where it is about a full disk or used-up memory, with the
/// remedy.
#[must_use]
pub fn last_words(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let mut said = text.lines().filter(|line| !is_trace(line)).collect::<Vec<_>>().join("\n");
    if let Some(remedy) = remedy(&text) {
        said = format!("{}: {remedy}", said.trim_end());
    }
    said
}

/// Lines in which libtorch says where in its own code it was.
fn is_trace(line: &str) -> bool {
    line.starts_with("frame #") || line.starts_with("Exception raised from ")
}

/// Errors of many libraries come down to the system's, and not all of them pass it on as more than text.
fn remedy(text: &str) -> Option<&'static str> {
    let says = |code: i32| text.contains(&system_text(code));
    if says(libc::ENOSPC) || says(libc::EDQUOT) {
        return Some(
            "the disk is full. Free some space and give the same command again (idm train: with --resume); what was done is kept",
        );
    }
    if says(libc::ENOMEM) || text.contains("out of memory") {
        return Some(
            "the memory is used up. Use smaller batches (--batch, or run.batch with optimiser.accumulate), smaller pictures or a \
             machine with more",
        );
    }
    None
}

/// As the C library has it, without the number that Rust adds.
fn system_text(code: i32) -> String {
    let text = io::Error::from_raw_os_error(code).to_string();
    text.split_once(" (os error").map_or(text.clone(), |(said, _)| said.to_owned())
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_full_disk_and_used_up_memory_have_remedies() {
        for (code, remedy) in [(libc::ENOSPC, "Free some space"), (libc::EDQUOT, "Free some space")] {
            let error = Err::<(), _>(io::Error::from_raw_os_error(code)).context("cannot write x.png");
            let said = last_words(&error.unwrap_err());
            assert!(said.starts_with("cannot write x.png: ") && said.contains(remedy), "{said}");
        }
        let other = anyhow::anyhow!("cannot read x.png");
        assert_eq!(last_words(&other), "cannot read x.png");
    }

    /// As libtorch 2.11 says it.
    #[test]
    fn the_trace_of_libtorch_is_left_out() {
        let error = anyhow::anyhow!(
            "libtorch: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to \
             allocate 12582912 bytes. Error code 12 (Cannot allocate memory)\nframe #0: c10::alloc_cpu(unsigned long) + 0x365\n\
             frame #1: <unknown function> + 0x3b612\n"
        );
        let said = last_words(&error);
        assert!(said.lines().count() == 1 && said.contains("12582912 bytes"), "{said}");
        assert!(said.ends_with("or a machine with more") && !said.contains("frame #"), "{said}");
    }
}
