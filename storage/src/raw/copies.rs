//! Raw bytes as objects, for whoever copies them, and bytes that come back.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{EXTENSION, Original, RawStore, failed, path};
use crate::code::{Code, Failure};
use crate::error::Error;
use crate::id::AthleteId;

impl RawStore {
    /// Puts bytes that are known by their hash back where what is kept of them
    /// is missing or damaged; answers whether it was.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn put_back(
        &self,
        athlete_id: AthleteId,
        original: &Original,
    ) -> Result<bool, Error> {
        match self.get(athlete_id, original.sha256()).await {
            Ok(_) => return Ok(false),
            Err(error) if matches!(error.code(), Code::NotFound | Code::Inconsistent) => {}
            Err(error) => return Err(error),
        }
        let packed = original.packed().await?;
        let path = path(athlete_id, original.sha256());
        let put = self.objects.put(&path, packed.into()).await;
        put.map_err(|source| failed("keep", &path, source))?;
        Ok(true)
    }

    /// The object store of all inputs.
    pub(crate) fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// The paths of all objects, of all athletes, and their lengths in bytes.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn objects(&self) -> Result<Vec<(String, u64)>, Error> {
        let listed = self.objects.list(None);
        let kept = listed.try_filter_map(async |object| {
            let path = object.location.to_string();
            Ok(path.ends_with(EXTENSION).then_some((path, object.size)))
        });
        let kept = kept.try_collect().await;
        kept.map_err(|source| failed("list", &Path::default(), source))
    }
}
