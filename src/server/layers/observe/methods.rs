//! Which methods there are, to name metrics and spans after them.

use std::{collections::HashMap, sync::Arc};

use prost_reflect::{DescriptorError, DescriptorPool};

use crate::rpc::proto;

/// A method's names as labels.
#[derive(Clone, Debug)]
pub struct Method {
    pub service: String,
    pub name: String,
}

impl Method {
    /// Probes come every few seconds and say nothing that health does not: they are not told of
    /// where there is a line or a span a request.
    pub fn is_probe(&self) -> bool {
        self.service.starts_with("grpc.health")
    }
}

/// The methods that may become labels: a path is the client's to choose, and every new label is
/// memory for good.
#[derive(Clone)]
pub struct Methods {
    known: Arc<HashMap<String, Arc<Method>>>,
    unknown: Arc<Method>,
}

impl Methods {
    /// The contract's own and those of health.
    pub fn of_contract() -> Result<Self, DescriptorError> {
        let health = DescriptorPool::decode(tonic_health::pb::FILE_DESCRIPTOR_SET)?;
        let mut known = HashMap::new();
        for pool in [proto::descriptors()?, &health] {
            for service in pool.services() {
                for method in service.methods() {
                    let path = format!("/{}/{}", service.full_name(), method.name());
                    let method = Method {
                        service: service.full_name().to_owned(),
                        name: method.name().to_owned(),
                    };
                    known.insert(path, Arc::new(method));
                }
            }
        }
        let unknown = Method {
            service: "other".to_owned(),
            name: "other".to_owned(),
        };
        Ok(Methods {
            known: Arc::new(known),
            unknown: Arc::new(unknown),
        })
    }

    pub fn find(&self, path: &str) -> Arc<Method> {
        self.known.get(path).unwrap_or(&self.unknown).clone()
    }
}
