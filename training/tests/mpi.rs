// SPDX-License-Identifier: MIT OR Apache-2.0
//! `mpirun -n 2 idm train`: the same run as one process with twice the batch. Needs the feature `mpi` and Open MPI.

mod common;

use common::{faces, failed, idm_command, tiny_config};

#[cfg(not(feature = "mpi"))]
#[test]
fn a_build_without_mpi_does_not_train_twice_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (tiny_config(folder.path(), "c.toml", &[]), faces(folder.path()));
    let run = folder.path().join("run");
    let mut command = idm_command(&[&"train", &"--config", &config, &"--data", &data, &"--output", &run]);
    let output = command.env("OMPI_COMM_WORLD_SIZE", "2").output().unwrap();
    failed(&output, &["built without MPI", "--features mpi"]);
    assert!(!run.exists());
}

#[cfg(feature = "mpi")]
mod under_mpirun {
    use std::ffi::OsStr;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use training::train::state::RunState;

    use super::common::{names, succeeded, text};
    use super::*;

    /// `mpirun` with more processes than cores, and as root in a container.
    fn mpirun() -> Command {
        let mut command = Command::new("mpirun");
        command.args(["--oversubscribe", "--bind-to", "none"]);
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        // More threads than cores would wait for each other.
        command.env("OMP_NUM_THREADS", "1");
        command
    }

    /// `-n PROCESSES idm train` for an `mpirun`.
    fn train(command: &mut Command, processes: &str, config: &Path, data: &Path, run: &Path) {
        let args: [&dyn AsRef<OsStr>; 9] =
            [&"train", &"--device", &"cpu", &"--config", &config, &"--data", &data, &"--output", &run];
        command.args(["-n", processes, env!("CARGO_BIN_EXE_idm")]).args(args.map(AsRef::as_ref));
    }

    fn tiny(folder: &Path, iterations: u32, batch: u32, more: &str) -> std::path::PathBuf {
        let run = format!("batch = {batch}\nprecision = \"fp32\"");
        let iterations_text = format!("iterations = {iterations}");
        let name = format!("{iterations}-{batch}{}.toml", more.len());
        let warmup = format!("warmup = 10{more}");
        tiny_config(
            folder,
            &name,
            &[("iterations = 120", &iterations_text), ("batch = 8", &run), ("warmup = 10", &warmup)],
        )
    }

    fn losses(run: &Path) -> Vec<f64> {
        let csv = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
        csv.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse().unwrap()).collect()
    }

    /// The largest difference between the weights, averages and moments of two runs.
    #[track_caller]
    fn difference(a: &Path, b: &Path) -> f64 {
        let [a, b] = [a, b].map(|run| RunState::open(&run.join("state.safetensors")).unwrap());
        assert_eq!(a.iterations, b.iterations);
        assert_eq!(a.tensors.len(), b.tensors.len());
        let differences =
            a.tensors.iter().map(|(name, tensor)| (tensor - &b.tensors[name]).abs().max().double_value(&[]));
        differences.fold(0.0, f64::max)
    }

    #[test]
    fn two_processes_are_one_with_twice_the_batch_and_can_stop_and_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let data = faces(folder);
        let run = |name: &str| folder.join(name);
        let (whole, accumulated, two, parts) = (run("whole"), run("accumulated"), run("two"), run("parts"));
        for (config, output) in
            [(tiny(folder, 20, 4, ""), &whole), (tiny(folder, 20, 2, "\naccumulate = 2"), &accumulated)]
        {
            let args: [&dyn AsRef<OsStr>; 9] =
                [&"train", &"--device", &"cpu", &"--config", &config, &"--data", &data, &"--output", output];
            succeeded(&idm_command(&args).output().unwrap());
        }
        let (long, short) = (tiny(folder, 20, 2, ""), tiny(folder, 10, 2, ""));
        let mut command = mpirun();
        train(&mut command, "2", &long, &data, &two);
        let output = succeeded(&command.output().unwrap());
        assert_eq!(output.matches("20 iterations done").count(), 1, "one process speaks: {output}");
        for more in [None, Some("--resume")] {
            let mut command = mpirun();
            train(&mut command, "2", if more.is_some() { &long } else { &short }, &data, &parts);
            succeeded(&command.args(more).output().unwrap());
        }

        // Two processes compute what one does that takes two batches for a step; the order of a sum is all that may differ.
        // A batch of twice the size may be convolved by other kernels: with AVX512 it is as near, with AVX2 losses are 2e-6
        // apart after 20 iterations and weights 3e-4, since Adam makes steps of gradients that are hardly any. Other
        // samples, or gradients that are not averaged, would be a hundred times as far.
        for (reference, others, of_loss, of_weights) in
            [(&accumulated, vec![&two, &parts], 2e-6, 1e-5), (&whole, vec![&accumulated, &two], 1e-5, 1e-3)]
        {
            let expected = losses(reference);
            assert_eq!(expected.len(), 2);
            for other in others {
                for (loss, expected) in losses(other).iter().zip(&expected) {
                    let name = other.display();
                    assert!((loss - expected).abs() < of_loss, "{loss} in {name}, not {expected}");
                }
                assert_eq!(losses(other).len(), 2);
                let difference = difference(reference, other);
                assert!(difference < of_weights, "{}: {difference}", other.display());
            }
        }
        assert_eq!(difference(&two, &parts), 0.0, "resumed, to the bit");
        assert_eq!(names(&whole), names(&two));
    }

    /// Pictures are shared out to the processes, and each draws the noise of its own: two processes train the generator that one does
    /// with two batches for a step.
    #[test]
    fn two_processes_train_the_generator_of_one_that_takes_two_batches() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let data = faces(folder);
        let config = |name: &str, accumulate: &str| {
            let changes = [
                ("residual = true", "residual = false\ncondition = \"none\""),
                ("[degradation]\nclean_share = 0.1\n", ""),
                ("iterations = 120", "iterations = 20"),
                ("batch = 8", "batch = 2\nloss = \"l2\"\nprecision = \"fp32\""),
                ("warmup = 10", &format!("warmup = 10\naccumulate = {accumulate}")),
            ];
            tiny_config(folder, name, &changes)
        };
        let (one, two) = (folder.join("one"), folder.join("two"));
        succeeded(&super::common::train(&config("one.toml", "2"), &data, &one, &[]));
        let mut command = mpirun();
        train(&mut command, "2", &config("two.toml", "1"), &data, &two);
        succeeded(&command.output().unwrap());
        let (expected, reached) = (losses(&one), losses(&two));
        assert_eq!((expected.len(), reached.len()), (2, 2));
        for (loss, expected) in reached.iter().zip(&expected) {
            assert!((loss - expected).abs() < 2e-6, "{loss}, not {expected}");
        }
        // The order of a sum is all that differs, as for restorers.
        let difference = difference(&one, &two);
        assert!(difference < 1e-5, "{difference}");
        assert_eq!(names(&one), names(&two));
    }

    #[test]
    fn an_error_in_one_process_ends_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let (config, data) = (tiny(folder.path(), 100_000, 2, ""), faces(folder.path()));
        let run = folder.path().join("run");
        let mut command = mpirun();
        train(&mut command, "1", &config, &data, &run);
        command.arg(":");
        train(&mut command, "1", &config, &folder.path().join("nowhere"), &run);
        failed(&command.output().unwrap(), &["process 1 of 2", "nowhere"]);
    }

    #[test]
    fn an_interrupt_stops_all_of_them_after_the_same_iteration_and_saves() {
        let folder = tempfile::tempdir().unwrap();
        let (config, data) = (tiny(folder.path(), 100_000, 2, ""), faces(folder.path()));
        let run = folder.path().join("run");
        let mut command = mpirun();
        // mpirun waits so long, always, before it kills what it interrupted; a second by default.
        command.args(["--mca", "odls_base_sigkill_timeout", "5"]);
        train(&mut command, "2", &config, &data, &run);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let patience = Instant::now() + Duration::from_secs(300);
        while std::fs::read_to_string(run.join("metrics.csv")).map_or(0, |csv| csv.lines().count()) < 2 {
            assert!(Instant::now() < patience, "no ten iterations in five minutes");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let output = text(&output.stdout);
        assert!(output.contains("interrupted; go on with --resume"), "{output}");
        let state = RunState::open(&run.join("state.safetensors")).unwrap();
        assert!(output.contains(&format!("{} iterations done", state.iterations)), "{output}");
    }
}
