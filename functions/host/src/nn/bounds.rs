//! What a model may take at most. Nothing ends a computation before it is done, so that models which may take more are refused
//! when they are loaded.

use std::time::Duration;

/// Models that are configured.
pub(super) const MODELS: usize = 16;
/// Bytes of a model's file.
pub(super) const FILE: u64 = 256 << 20;
/// Bytes of the labels of all models together: guests find them in their environment.
pub(super) const LABELS: u64 = 1 << 20;
/// Bytes of a model's inputs together, and of its outputs together.
pub(super) const TENSORS: usize = 16 << 20;
/// One computation, unless it is set otherwise.
pub(super) const TIME: Duration = Duration::from_secs(2);
/// Models that one call may have at hand, and computations that it may have prepared: each holds tensors outside of the guest's
/// memory.
pub(super) const HANDLES: usize = 4;
/// Dimensions of a tensor.
pub(super) const RANK: usize = 8;
