//! The session's health. BuildKit asks every 5 s and silently drops a session that does not answer.

use std::collections::HashMap;

use bollard::health::health_check_response::ServingStatus;
use bollard::health::health_server::{Health, HealthServer};
use bollard::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use futures_util::stream::{self, Once};
use tonic::{Request, Response, Status};

/// Healthy as long as it can answer.
pub(crate) struct AlwaysServing;

impl AlwaysServing {
    pub(crate) const METHODS: [&'static str; 1] = ["/grpc.health.v1.Health/Check"];

    pub(crate) fn into_server(self) -> HealthServer<Self> {
        HealthServer::new(self)
    }
}

const SERVING: HealthCheckResponse = HealthCheckResponse { status: ServingStatus::Serving as i32 };

#[tonic::async_trait]
impl Health for AlwaysServing {
    type WatchStream = Once<std::future::Ready<Result<HealthCheckResponse, Status>>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(SERVING))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Ok(Response::new(HealthListResponse { statuses: HashMap::from([(String::new(), SERVING)]) }))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(stream::once(std::future::ready(Ok(SERVING)))))
    }
}
