// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the programs of this crate find libtorch without LD_LIBRARY_PATH: in `lib/facerestore` beside `bin` once they are
//! installed, else where they were built.
fn main() {
    println!("cargo:rustc-link-arg-bins=-Wl,-rpath,$ORIGIN/../lib/facerestore");
    // Which scripts/package takes out again.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
