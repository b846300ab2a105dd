//! Making pollables of streams, reading errors, and dropping resources.

use wasmtime::component::Resource;

use crate::drain::Drain;
use crate::op_table::{DROP, SUBSCRIBE_INPUT, SUBSCRIBE_OUTPUT, TO_DEBUG_STRING};
use crate::{Error, InputStream, IoCtxView, IoError, IoTable, OutputStream, Phrase, Pollable};

impl IoCtxView<'_> {
    /// What a guest may hear about a failure. Total.
    ///
    /// # Errors
    /// None.
    pub fn debug_string(&mut self, error: &Resource<IoError>) -> Result<&'static str, Error> {
        let entry = self.host.enter(&TO_DEBUG_STRING);
        let table = &*self.host.table;
        entry.run_always(|| Ok(table.get(error).map_or(Phrase::Other, IoError::phrase).as_str()))
    }

    /// A pollable that is ready while the stream has bytes or has ended, as the stream's child.
    ///
    /// # Errors
    /// [`Error::Quota`], a trap: the function has no error arm.
    pub fn subscribe_input(&mut self, stream: &Resource<InputStream>) -> Result<Resource<Pollable>, Error> {
        let entry = self.host.enter(&SUBSCRIBE_INPUT);
        entry.run_always(|| Ok(self.host.subscribe(stream)?))
    }

    /// A pollable that is ready while the stream takes bytes or has ended, as the stream's child.
    ///
    /// # Errors
    /// [`Error::Quota`], a trap: the function has no error arm.
    pub fn subscribe_output(&mut self, stream: &Resource<OutputStream>) -> Result<Resource<Pollable>, Error> {
        let entry = self.host.enter(&SUBSCRIBE_OUTPUT);
        entry.run_always(|| Ok(self.host.subscribe(stream)?))
    }

    /// Drops an error, a pollable or an input stream, and gives its share back.
    ///
    /// # Errors
    /// [`Error::Table`], a trap, for a stream that still has pollables; it stays as it was.
    pub fn drop_resource<T: Send + 'static>(&mut self, resource: Resource<T>) -> Result<(), Error> {
        let entry = self.host.enter(&DROP);
        let table = &mut *self.host.table;
        entry.run_always(|| Ok(table.delete(resource).map(drop)?))
    }

    /// Drops an output stream. Bytes it had accepted go on being sent for a while, under the token of
    /// this call; the guest does not wait for them.
    ///
    /// # Errors
    /// [`Error::Table`], a trap, for a stream that still has pollables; it stays as it was.
    pub fn drop_output(&mut self, stream: Resource<OutputStream>) -> Result<(), Error> {
        let entry = self.host.enter(&DROP);
        let drain = Drain { token: entry.call().cancellation().clone(), grace: self.ctx.drain_grace() };
        let table = &mut *self.host.table;
        entry.run_always(|| {
            let mut stream = table.delete(stream)?;
            stream.set_drain(drain);
            Ok(())
        })
    }
}
