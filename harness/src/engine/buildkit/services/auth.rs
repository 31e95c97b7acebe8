//! Who we are to registries: what the user's docker configuration says, else nobody.

use bollard::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use tonic::{Request, Response, Status};

use crate::engine::credentials;

/// Answers with the plain credentials of `~/.docker/config.json`; credential helpers are not run.
pub(crate) struct RegistryAuth;

impl RegistryAuth {
    /// The token methods are left out: BuildKit then fetches tokens itself, anonymous ones included.
    pub(crate) const METHODS: [&'static str; 1] = ["/moby.filesync.v1.Auth/Credentials"];

    pub(crate) fn into_server(self) -> AuthServer<Self> {
        AuthServer::new(self)
    }
}

#[tonic::async_trait]
impl Auth for RegistryAuth {
    async fn credentials(
        &self,
        request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let (username, secret) = credentials::of(&request.get_ref().host).unwrap_or_default();
        Ok(Response::new(CredentialsResponse { username, secret }))
    }

    async fn fetch_token(
        &self,
        _: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(elsewhere())
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(elsewhere())
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(elsewhere())
    }
}

fn elsewhere() -> Status {
    Status::unimplemented("tokens are fetched by BuildKit itself")
}
