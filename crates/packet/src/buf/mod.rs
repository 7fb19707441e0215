//! Buffers: pooled blocks, refcounted views of them, frames and batches.

mod chunk;
mod frame;
mod payload;
mod pool;

pub use chunk::{BlockMut, Chunk};
pub use frame::{
    BATCH_MAX, Capabilities, ChecksumField, Gso, HEAD_MAX, Head, Medium, RxBatch, RxChecksum,
    RxFrame, TxBatch, TxFrame,
};
pub use payload::{PAYLOAD_CHUNKS_MAX, PAYLOAD_MAX, Payload};
pub use pool::{LARGE, MEDIUM, Pool, PoolLimits, SMALL};
