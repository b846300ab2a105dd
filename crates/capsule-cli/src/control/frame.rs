//! JSON in length-prefixed frames.

use std::io;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// Longest frame in bytes, as `astrid:net` has it.
const LONGEST: usize = 10_485_760;

pub(super) type Frames = Framed<UnixStream, LengthDelimitedCodec>;

pub(super) fn frames(stream: UnixStream) -> Frames {
    LengthDelimitedCodec::builder().length_field_type::<u32>().max_frame_length(LONGEST).new_framed(stream)
}

/// The next frame; `None` once the peer has closed between two frames.
pub(super) async fn receive<T: DeserializeOwned>(
    frames: &mut (impl Stream<Item = io::Result<BytesMut>> + Unpin),
) -> io::Result<Option<T>> {
    let Some(frame) = frames.next().await else { return Ok(None) };
    serde_json::from_slice(&frame?).map(Some).map_err(io::Error::from)
}

pub(super) async fn send(
    frames: &mut (impl Sink<Bytes, Error = io::Error> + Unpin),
    value: &impl Serialize,
) -> io::Result<()> {
    frames.send(serde_json::to_vec(value)?.into()).await
}
