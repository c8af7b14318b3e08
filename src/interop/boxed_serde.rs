//! serde: boxes, as their values.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::boxed::SmBox;
use crate::heap::HeapRef;

impl<T: Serialize + ?Sized, H: HeapRef> Serialize for SmBox<T, H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, H: HeapRef + Default> Deserialize<'de> for SmBox<T, H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = T::deserialize(deserializer)?;
        SmBox::try_new_in(value, H::default()).map_err(serde::de::Error::custom)
    }
}
