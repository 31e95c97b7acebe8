//! What a Dockerfile may expect of the stand-ins for CUDA's images, and what it may not find there.

use harness::cache::Cache;
use harness::engine::{Choice, Data, Engine, Home};
use harness::supply::{BaseChoice, Link, Options, Supply};

use super::builds::Builder;
use super::{known_bases, needs};

const DEVEL: &str = "cuda:11.8-devel-small";
const RUNTIME: &str = "cuda:11.8-runtime-small";

/// Every line is an expectation. The program calls both libraries, so that none is there for nothing.
const CONTRACT: &str = r#"
FROM cuda:11.8-devel-small AS devel
RUN nvcc --version | grep 'release 11\.8,'
RUN ! command -v python3
RUN ! find / -xdev -name 'libcuda.so*' ! -path '*/stubs/*' | grep .
COPY <<'EOF' /src/both.cu
#include <cstdio>
#include <cuda_runtime.h>
#include <nvrtc.h>
__global__ void nothing() {}
int main(int count, char**) {
    int driver = -1, major = 0, minor = 0;
    if (count > 1) nothing<<<1, 1>>>();
    cudaError_t error = cudaDriverGetVersion(&driver);
    nvrtcVersion(&major, &minor);
    std::printf("%d %d %d.%d\n", error, driver, major, minor);
}
EOF
RUN nvcc --cudart shared -o /both /src/both.cu -lnvrtc

FROM cuda:11.8-runtime-small
RUN for program in nvcc cicc ptxas gcc g++ ld python3; do ! command -v $program || exit 1; done
RUN ! find / -xdev \( -name '*.h' -o -name '*.a' -o -name 'libcuda.so*' -o -name '*.pyc' \) | grep .
RUN ! find /var/log /var/cache /var/lib/apt/lists -type f ! -path '/var/cache/debconf/*' | grep .
RUN grep -x 'Components: main contrib non-free' /etc/apt/sources.list.d/debian.sources
RUN [ "$NVIDIA_VISIBLE_DEVICES" = all ] && [ "$NVIDIA_DRIVER_CAPABILITIES" = compute,utility ]
COPY --from=devel /both /both
RUN ldd /both | grep 'libcudart.so.11.0 => /' && ldd /both | grep 'libnvrtc.so.11.2 => /'
RUN ! ldd /both | grep 'not found'
RUN /both | grep -x '0 [0-9]* 11\.8'
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_the_devel_base_runs_on_the_runtime_base_which_has_no_compiler() {
    let cache = Cache::open().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let home = Home { engine: dir.path().to_owned(), debian: cache.room("debian").unwrap() };
    let engine =
        Engine::open(&home, &Choice::Managed, Data::Wipe, &|line| eprintln!("{line}")).await.unwrap();
    let mut cuda = needs("cuda");
    cuda.bases = vec![DEVEL.into(), RUNTIME.into()];
    let prepare = async |base| {
        let options = Options { base, link: Link::None };
        let needs = std::slice::from_ref(&cuda);
        Supply::prepare(&cache, &known_bases(), needs, options, engine.docker(), &|_| {}).await.unwrap()
    };

    let supply = prepare(BaseChoice::Local).await;
    assert!(supply.failure("cuda").is_none(), "{:?}", supply.failure("cuda"));
    Builder { engine: &engine, supply: &supply, scenario: "cuda" }.build(CONTRACT).await;
    drop(supply);

    // Those are in no registry, and whoever wants nothing else is told so.
    let refused = prepare(BaseChoice::Registry).await;
    let why = refused.failure("cuda").unwrap().to_string();
    assert!(why.contains(DEVEL) && why.contains("--base local"), "{why}");
    drop(refused);

    engine.down(Data::Wipe).await.unwrap();
}
