//! What `RUN --mount=type=secret` sees.

use std::collections::BTreeMap;

use bollard::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use tonic::{Request, Response, Status};

/// The secrets of one build, by id.
pub(crate) struct SecretStore(BTreeMap<String, Vec<u8>>);

impl SecretStore {
    pub(crate) const METHODS: [&'static str; 1] = ["/moby.buildkit.secrets.v1.Secrets/GetSecret"];

    pub(crate) fn into_server(secrets: BTreeMap<String, Vec<u8>>) -> SecretsServer<Self> {
        SecretsServer::new(Self(secrets))
    }
}

#[tonic::async_trait]
impl Secrets for SecretStore {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = &request.get_ref().id;
        match self.0.get(id) {
            Some(data) => Ok(Response::new(GetSecretResponse { data: data.clone() })),
            // Any other code fails a step that could do without its secret (`required=false`).
            None => Err(Status::not_found(format!("no secret of the id {id:?} was given to this build"))),
        }
    }
}
