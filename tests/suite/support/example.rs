//! The examples, as the binaries that they are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds an example as the tests were built, and answers where its binary is.
pub(crate) async fn example(name: &'static str) -> PathBuf {
    let building = tokio::task::spawn_blocking(move || build(name));
    building.await.expect("the build ends")
}

fn build(name: &str) -> PathBuf {
    let ours = Path::new(env!("CARGO_BIN_EXE_stock-scheduler"));
    let folder = ours.parent().expect("the folder of the binaries");
    let target = folder.parent().expect("the target folder");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--offline", "--example", name]);
    build.args(["--target-dir".as_ref(), target.as_os_str()]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let root = env!("CARGO_MANIFEST_DIR");
    let built = build.current_dir(root).status().expect("cargo runs");
    assert!(built.success(), "the example {name} is built");
    folder.join("examples").join(name)
}
