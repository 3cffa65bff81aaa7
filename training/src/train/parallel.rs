// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes that train one model together (data-parallel), as `mpirun` starts them; with the cargo feature `mpi`.
//!
//! Every process has the same weights and its own [`Share`] of each batch; the gradients are averaged before each step.
//! n processes with `run.batch` = B are one process with n·B. `--data` and `--output` must be the same files for all of them.
//! Open MPI binds a process to one core unless told otherwise (`--bind-to none`), and kills a second after Ctrl-C: where a
//! step and a checkpoint take longer, `--mca odls_base_sigkill_timeout SECONDS` leaves the time for them.

use tch::Tensor;

/// A group that cannot come together, or that cannot exchange its gradients.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// A build without MPI under mpirun: the processes would not know of each other.
    #[error(
        "mpirun started {processes} processes, but this idm was built without MPI; build it with \
         `cargo build --release -p training --features mpi`"
    )]
    NoMpi {
        /// What mpirun says.
        processes: u64,
    },
    /// MPI does not start.
    #[error("MPI cannot be initialised a second time in one process")]
    Initialised,
    /// From libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

/// The part of one process in batches that several processes make together: process `rank` of `count` has
/// `batch` pairs of a batch that is `count` times as large, from pair `rank` · `batch` on. All of them
/// together make the batches that one process with the large batch would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Number of this process, from 0.
    pub rank: u64,
    /// Number of processes.
    pub count: u64,
}

impl Share {
    /// One process makes everything.
    pub const WHOLE: Self = Self { rank: 0, count: 1 };
}

/// How many processes `mpirun` started, by the variable that Open MPI sets for each of them; 1 without it.
pub fn processes_of_mpirun() -> u64 {
    std::env::var("OMPI_COMM_WORLD_SIZE").ok().and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// The processes that train together. All of them call its methods in the same order.
pub struct Group {
    share: Share,
    #[cfg(feature = "mpi")]
    universe: Option<mpi::environment::Universe>,
}

impl Group {
    /// This process alone.
    #[must_use]
    pub fn alone() -> Self {
        Self {
            share: Share::WHOLE,
            #[cfg(feature = "mpi")]
            universe: None,
        }
    }

    /// The processes that `mpirun` started with this one; without it this process alone.
    ///
    /// # Errors
    /// [`GroupError::NoMpi`] in a build without MPI.
    #[cfg(not(feature = "mpi"))]
    pub fn join() -> Result<Self, GroupError> {
        match processes_of_mpirun() {
            0 | 1 => Ok(Self::alone()),
            processes => Err(GroupError::NoMpi { processes }),
        }
    }

    /// The processes that `mpirun` started with this one; without it this process alone.
    ///
    /// # Errors
    /// [`GroupError::Initialised`] when this process has joined before.
    #[cfg(feature = "mpi")]
    pub fn join() -> Result<Self, GroupError> {
        use mpi::topology::Communicator;
        if processes_of_mpirun() <= 1 {
            return Ok(Self::alone());
        }
        // The loader's and libtorch's threads never call MPI.
        let (universe, _) = mpi::initialize_with_threading(mpi::environment::Threading::Funneled)
            .ok_or(GroupError::Initialised)?;
        let world = universe.world();
        let share = Share { rank: world.rank() as u64, count: world.size() as u64 };
        Ok(Self { share, universe: Some(universe) })
    }

    /// This process's part of every batch.
    #[must_use]
    pub fn share(&self) -> Share {
        self.share
    }

    /// Whether this is the process that writes files and talks to the user.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.share.rank == 0
    }

    /// Replaces every tensor, float, by its mean over the processes. The same bits come out in all of them.
    ///
    /// # Errors
    /// [`GroupError::Torch`] when memory runs out.
    #[cfg_attr(not(feature = "mpi"), allow(clippy::unused_self, reason = "one process has its mean already"))]
    pub fn average(&self, tensors: &mut [Tensor]) -> Result<(), GroupError> {
        #[cfg(feature = "mpi")]
        if let Some(universe) = &self.universe {
            return average_over(&universe.world(), self.share.count, tensors);
        }
        let _ = tensors;
        Ok(())
    }

    /// Whether `flag` is set in any process.
    #[must_use]
    pub fn any(&self, flag: bool) -> bool {
        #[cfg(feature = "mpi")]
        if let Some(universe) = &self.universe {
            use mpi::collective::{CommunicatorCollectives, SystemOperation};
            let mut result = false;
            universe.world().all_reduce_into(&flag, &mut result, SystemOperation::logical_or());
            return result;
        }
        flag
    }

    /// Waits until every process is here.
    pub fn wait(&self) {
        #[cfg(feature = "mpi")]
        if let Some(universe) = &self.universe {
            use mpi::collective::CommunicatorCollectives;
            universe.world().barrier();
        }
    }

    /// Gives `result` back. Among several processes an error of one ends them all: the others would wait for it
    /// forever.
    ///
    /// # Errors
    /// That of a process alone.
    pub fn end_together<T, E: std::error::Error>(&self, result: Result<T, E>) -> Result<T, E> {
        #[cfg(feature = "mpi")]
        if let (Err(error), Some(_)) = (&result, &self.universe) {
            eprintln!(
                "idm: process {} of {}: {}",
                self.share.rank,
                self.share.count,
                crate::jobs::reason(error)
            );
            self.abort();
        }
        result
    }

    #[cfg(feature = "mpi")]
    fn abort(&self) {
        use mpi::topology::Communicator;
        if let Some(universe) = &self.universe {
            universe.world().abort(1);
        }
    }
}

#[cfg(feature = "mpi")]
impl Drop for Group {
    /// MPI's own end waits for the other processes, and they for this one if it panicked.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.abort();
        }
    }
}

/// One all-reduce over a flat copy of all the tensors.
#[cfg(feature = "mpi")]
fn average_over(
    world: &impl mpi::collective::CommunicatorCollectives,
    count: u64,
    tensors: &mut [Tensor],
) -> Result<(), GroupError> {
    use mpi::collective::SystemOperation;
    tch::no_grad(|| {
        let flat: Vec<Tensor> =
            tensors.iter().map(|tensor| tensor.f_reshape([-1])).collect::<Result<_, _>>()?;
        let flat = Vec::<f32>::try_from(&Tensor::f_cat(&flat, 0)?)?;
        let mut sum = vec![0.0_f32; flat.len()];
        world.all_reduce_into(&flat[..], &mut sum[..], SystemOperation::sum());
        let mean = Tensor::f_from_slice(&sum)?.f_div_scalar(count as f64)?;
        let mut start = 0;
        for tensor in tensors {
            let length = tensor.numel() as i64;
            tensor.f_copy_(&mean.f_narrow(0, start, length)?.f_view(&tensor.size()[..])?)?;
            start += length;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_alone_is_the_whole_group() {
        let group = Group::alone();
        assert!(group.is_first() && group.share() == Share::WHOLE);
        assert!(group.any(true) && !group.any(false));
        let mut tensors = [Tensor::from_slice(&[1.0_f32, 2.0])];
        group.average(&mut tensors).unwrap();
        assert!(tensors[0].equal(&Tensor::from_slice(&[1.0_f32, 2.0])));
        let error = group.end_together(Err::<(), _>(GroupError::Initialised)).unwrap_err();
        assert!(matches!(error, GroupError::Initialised));
    }
}
