//! The library `smmalloc` for C and .NET: everything in it is `smarena::ffi`.
use smarena as _;
