//! Buffers: pooled blocks, refcounted views of them, frames and batches.

mod chunk;
mod frame;
mod payload;
mod pool;

pub use chunk::{BlockMut, Chunk};
pub use frame::{
    Capabilities, ChecksumField, Gso, Head, Medium, RxBatch, RxChecksum, RxFrame, TxBatch, TxFrame,
    BATCH_MAX, HEAD_MAX,
};
pub use payload::{Payload, PAYLOAD_CHUNKS_MAX, PAYLOAD_MAX};
pub use pool::{Pool, PoolLimits, LARGE, MEDIUM, SMALL};
