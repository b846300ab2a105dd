//! Undoing content codings, block by block.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use hyper::HeaderMap;
use hyper::header::CONTENT_ENCODING;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, BufReader, Chain, ReadBuf};

use crate::Error;
use crate::limits::{BLOCK, MAX_CODINGS, ZSTD_WINDOW_LOG};
use crate::wire::{Wire, WireReader};

/// A coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings of a response in the order they were applied; none if one of them is not known, in
/// which case the body is delivered as it is.
pub(crate) fn codings(header: &HeaderMap) -> Vec<Coding> {
    let mut codings = Vec::new();
    for value in header.get_all(CONTENT_ENCODING) {
        for token in value.as_bytes().split(|&b| b == b',') {
            let name = token.trim_ascii().to_ascii_lowercase();
            codings.push(match name.as_slice() {
                b"gzip" | b"x-gzip" => Coding::Gzip,
                b"deflate" => Coding::Deflate,
                b"br" => Coding::Brotli,
                b"zstd" => Coding::Zstd,
                b"identity" | b"" => continue,
                _ => return Vec::new(),
            });
        }
    }
    if codings.len() > MAX_CODINGS { Vec::new() } else { codings }
}

type Reader = Pin<Box<dyn AsyncRead + Send>>;
type Input = Pin<Box<dyn AsyncBufRead + Send>>;

/// Decoded blocks of at most [`BLOCK`] bytes.
pub(crate) struct Decoded {
    reader: Reader,
    wire: Wire,
    buffer: BytesMut,
    decoded_all: bool,
}

impl Decoded {
    pub(crate) fn new(wire: Wire, codings: &[Coding]) -> Self {
        let mut input: Input = Box::pin(WireReader::new(wire.clone()));
        let mut reader: Reader = Box::pin(tokio::io::empty());
        for (at, coding) in codings.iter().rev().enumerate() {
            if at > 0 {
                input = Box::pin(BufReader::new(reader));
            }
            reader = undo(*coding, input);
            input = Box::pin(tokio::io::empty());
        }
        Self { reader, wire, buffer: BytesMut::new(), decoded_all: false }
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        if !self.decoded_all {
            self.buffer.resize(BLOCK, 0);
            let mut block = ReadBuf::new(&mut self.buffer);
            match ready!(self.reader.as_mut().poll_read(cx, &mut block)) {
                Ok(()) => {
                    let n = block.filled().len();
                    if n > 0 {
                        return Poll::Ready(Ok(Some(self.buffer.split_to(n).freeze())));
                    }
                    self.decoded_all = true;
                }
                // A body without a byte has nothing that could be encoded.
                Err(_) if self.wire.bytes() == 0 && self.wire_ended(cx) => self.decoded_all = true,
                Err(_) => {
                    let broken = Error::Protocol("the body cannot be decoded");
                    return Poll::Ready(Err(self.wire.take_fault().unwrap_or(broken)));
                }
            }
            self.buffer = BytesMut::new();
        }
        // The end of the coding is not the end of the message: trailers may follow, bytes may not.
        match ready!(self.wire.poll_data(cx))? {
            None => Poll::Ready(Ok(None)),
            Some(_) => Poll::Ready(Err(Error::Protocol("the body goes on behind its end"))),
        }
    }

    fn wire_ended(&self, cx: &mut Context<'_>) -> bool {
        matches!(self.wire.poll_data(cx), Poll::Ready(Ok(None)))
    }
}

fn undo(coding: Coding, input: Input) -> Reader {
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(input);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Coding::Deflate => Box::pin(Deflate::Unknown { input: Some(input), first: Vec::new() }),
        Coding::Brotli => Box::pin(BrotliDecoder::new(input)),
        Coding::Zstd => {
            let mut decoder = ZstdDecoder::with_params(input, &[DParameter::window_log_max(ZSTD_WINDOW_LOG)]);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}

type Rejoined = Chain<Cursor<Vec<u8>>, Input>;

/// `deflate` means zlib, and half of the servers send it bare; the first two bytes tell.
enum Deflate {
    Unknown { input: Option<Input>, first: Vec<u8> },
    Zlib(Box<ZlibDecoder<Rejoined>>),
    Bare(Box<DeflateDecoder<Rejoined>>),
}

impl AsyncRead for Deflate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match &mut *self {
                Self::Zlib(decoder) => return Pin::new(&mut **decoder).poll_read(cx, buf),
                Self::Bare(decoder) => return Pin::new(&mut **decoder).poll_read(cx, buf),
                Self::Unknown { input, first } => {
                    let Some(reader) = input else { return Poll::Ready(Ok(())) };
                    let byte = ready!(reader.as_mut().poll_fill_buf(cx))?.first().copied();
                    if let Some(byte) = byte {
                        first.push(byte);
                        reader.as_mut().consume(1);
                    }
                    if byte.is_some() && first.len() < 2 {
                        continue;
                    }
                    let zlib = match first[..] {
                        [a, b] => a & 0x0f == 8 && (u16::from(a) << 8 | u16::from(b)) % 31 == 0,
                        _ => true,
                    };
                    let Some(rest) = input.take() else { return Poll::Ready(Ok(())) };
                    let joined = Cursor::new(std::mem::take(first)).chain(rest);
                    *self = if zlib {
                        Self::Zlib(Box::new(ZlibDecoder::new(joined)))
                    } else {
                        Self::Bare(Box::new(DeflateDecoder::new(joined)))
                    };
                }
            }
        }
    }
}
