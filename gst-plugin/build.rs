// SPDX-License-Identifier: MIT OR Apache-2.0
//! Version information for the plugin description, and where the plugin finds libtorch without LD_LIBRARY_PATH: in the
//! folder `facerestore` beside or above GStreamer's once it is installed, else where it was built.
fn main() {
    gst_plugin_version_helper::info();
    // From lib/gstreamer-1.0, and from lib/x86_64-linux-gnu/gstreamer-1.0 as Debian has it.
    println!(
        "cargo:rustc-link-arg-cdylib=-Wl,-rpath,$ORIGIN/../facerestore,-rpath,$ORIGIN/../../facerestore"
    );
    // Which scripts/package takes out again.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
