//! A snapshot as it is read: its version first, since another version may have another form.

use super::form::VERSION;
use super::snapshot::InventorySnapshot;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// If this release does not know the version, the other fields stay empty and
/// [`restore`](super::InventoryBuilder::restore) refuses.
impl<'de, K, N, Q> Deserialize<'de> for InventorySnapshot<K, N, Q>
where
    K: Deserialize<'de>,
    N: Deserialize<'de>,
    Q: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const FIELDS: &[&str] = &["version", "skus", "holds", "resolved"];
        deserializer.deserialize_struct("InventorySnapshot", FIELDS, Fields(PhantomData))
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Version,
    Skus,
    Holds,
    Resolved,
    #[serde(other)]
    Other,
}

struct Fields<K, N, Q>(PhantomData<(K, N, Q)>);

impl<'de, K, N, Q> Visitor<'de> for Fields<K, N, Q>
where
    K: Deserialize<'de>,
    N: Deserialize<'de>,
    Q: Deserialize<'de>,
{
    type Value = InventorySnapshot<K, N, Q>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the snapshot of an inventory")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let missing = |index| move || A::Error::invalid_length(index, &"four fields");
        let version = fields.next_element()?.ok_or_else(missing(0))?;
        if version != VERSION {
            return Ok(of_another(version));
        }
        Ok(InventorySnapshot {
            version,
            skus: fields.next_element()?.ok_or_else(missing(1))?,
            holds: fields.next_element()?.ok_or_else(missing(2))?,
            resolved: fields.next_element()?.ok_or_else(missing(3))?,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut version, mut skus, mut holds, mut resolved) = (None, None, None, None);
        while let Some(field) = fields.next_key()? {
            match field {
                Field::Version => once(&mut version, "version", fields.next_value()?)?,
                Field::Skus => once(&mut skus, "skus", fields.next_value()?)?,
                Field::Holds => once(&mut holds, "holds", fields.next_value()?)?,
                Field::Resolved => once(&mut resolved, "resolved", fields.next_value()?)?,
                Field::Other => _ = fields.next_value::<IgnoredAny>()?,
            }
            if let Some(other) = version.filter(|&version| version != VERSION) {
                while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(of_another(other));
            }
        }
        Ok(InventorySnapshot {
            version: version.ok_or_else(|| A::Error::missing_field("version"))?,
            skus: skus.ok_or_else(|| A::Error::missing_field("skus"))?,
            holds: holds.ok_or_else(|| A::Error::missing_field("holds"))?,
            resolved: resolved.ok_or_else(|| A::Error::missing_field("resolved"))?,
        })
    }
}

fn once<T, E: Error>(field: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

fn of_another<K, N, Q>(version: u32) -> InventorySnapshot<K, N, Q> {
    InventorySnapshot {
        version,
        skus: Vec::new(),
        holds: Vec::new(),
        resolved: Vec::new(),
    }
}
