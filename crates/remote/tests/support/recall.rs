//! A memory of what registries said, that tests can look into and damage.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use content::Recall;
use oci::Digest;

#[derive(Default)]
pub struct Diary {
    pub documents: Mutex<HashMap<Digest, Bytes>>,
    pub pointers: Mutex<HashMap<String, Digest>>,
    pub facts: Mutex<HashMap<(String, String), String>>,
}

impl Recall for Diary {
    fn document(&self, digest: &Digest) -> Option<Bytes> {
        self.documents.lock().unwrap().get(digest).cloned()
    }

    fn keep_document(&self, digest: &Digest, bytes: &Bytes) {
        self.documents.lock().unwrap().insert(digest.clone(), bytes.clone());
    }

    fn pointed_at(&self, reference: &str) -> Option<Digest> {
        self.pointers.lock().unwrap().get(reference).cloned()
    }

    fn keep_pointer(&self, reference: &str, digest: &Digest) {
        self.pointers.lock().unwrap().insert(reference.to_owned(), digest.clone());
    }

    fn fact(&self, host: &str, key: &str) -> Option<String> {
        self.facts.lock().unwrap().get(&(host.to_owned(), key.to_owned())).cloned()
    }

    fn keep_fact(&self, host: &str, key: &str, value: &str) {
        self.facts.lock().unwrap().insert((host.to_owned(), key.to_owned()), value.to_owned());
    }
}
