// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the programs of this crate find libtorch without LD_LIBRARY_PATH: in `lib/facerestore` beside `bin` once they are
//! installed, else where they were built.
fn main() {
    println!("cargo:rustc-link-arg-bins=-Wl,-rpath,$ORIGIN/../lib/facerestore");
    // Set by scripts/package: what is installed elsewhere must not look into a folder of this machine.
    println!("cargo:rerun-if-env-changed=FACERESTORE_RELOCATABLE");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    match std::env::var("DEP_TCH_LIBTORCH_LIB") {
        Ok(lib) if std::env::var_os("FACERESTORE_RELOCATABLE").is_none() => {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
        }
        _ => {}
    }
}
