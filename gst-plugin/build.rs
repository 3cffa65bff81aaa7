// SPDX-License-Identifier: MIT OR Apache-2.0
//! Version information for the plugin description, and an rpath to libtorch, so that the plugin loads
//! without LD_LIBRARY_PATH.
fn main() {
    gst_plugin_version_helper::info();
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
