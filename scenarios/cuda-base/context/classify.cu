// Recognises handwritten digits on a GPU.
//
//     classify PIXELS...    64 numbers from 0 to 16; prints the digit and what speaks for each of the ten
//     classify --check      finds out what of CUDA is there, and compiles; runs a sample if there is a GPU
//
// Both print one line of JSON. Exit code 2: bad usage; 3: there is no GPU; 1: anything else that failed.
// The layers' kernel is compiled when the program starts, for the GPU that is there and the size of the layer; the
// last step is compiled by nvcc. So the program needs CUDA's runtime and its run-time compiler, and the driver,
// which is the host's: it is asked for by name, so that the program starts where there is none.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <cuda.h>
#include <cuda_runtime.h>
#include <nvrtc.h>

namespace {

constexpr int kPixels = 64, kHidden = 32, kDigits = 10;

// A badly written 4, which the model takes for a 7 with 69 %.
constexpr float kSample[kPixels] = {
    0, 0, 1, 14, 8, 8, 1, 0,   0, 0, 10, 13, 8, 16, 1, 0, 0, 2, 16, 4, 10, 11, 0, 0, 0, 7, 15, 6, 14, 16, 13, 0,
    0, 3, 16, 16, 15, 9, 2, 0, 0, 0, 3, 11, 9, 0, 0, 0,   0, 0, 0, 12, 4, 0, 0, 0,   0, 0, 0, 12, 0, 0, 0, 0};

constexpr char kLayer[] = R"(
extern "C" __global__ void layer(const float* in, const float* weights, const float* biases, float* out) {
    int j = blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= WIDE) return;
    float sum = biases[j];
    #pragma unroll
    for (int i = 0; i < DEEP; ++i) sum += in[i] * weights[i * WIDE + j];
    out[j] = RECTIFY && sum < 0 ? 0 : sum;
}
)";

// One block, one thread: ten numbers.
__global__ void softmax(float* values) {
    float largest = values[0], sum = 0;
    for (int i = 1; i < kDigits; ++i) largest = fmaxf(largest, values[i]);
    for (int i = 0; i < kDigits; ++i) sum += values[i] = expf(values[i] - largest);
    for (int i = 0; i < kDigits; ++i) values[i] /= sum;
}

void check(cudaError_t error, const char* what) {
    if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

void check(CUresult error, const char* what) {
    if (error != CUDA_SUCCESS) throw std::runtime_error(std::string(what) + ": driver error " + std::to_string(error));
}

void check(nvrtcResult error, const char* what) {
    if (error != NVRTC_SUCCESS) throw std::runtime_error(std::string(what) + ": " + nvrtcGetErrorString(error));
}

// A layer's kernel as machine code of one architecture, such as sm_80. Needs no GPU.
std::vector<char> compile(const std::string& architecture, int deep, int wide, bool rectify) {
    const std::vector<std::string> given = {"--gpu-architecture=" + architecture, "-DDEEP=" + std::to_string(deep),
                                            "-DWIDE=" + std::to_string(wide),
                                            "-DRECTIFY=" + std::to_string(int(rectify))};
    std::vector<const char*> options;
    for (const auto& option : given) options.push_back(option.c_str());
    nvrtcProgram program;
    check(nvrtcCreateProgram(&program, kLayer, "layer.cu", 0, nullptr, nullptr), "nvrtcCreateProgram");
    check(nvrtcCompileProgram(program, int(options.size()), options.data()), "nvrtcCompileProgram");
    size_t size;
    check(nvrtcGetCUBINSize(program, &size), "nvrtcGetCUBINSize");
    std::vector<char> code(size);
    check(nvrtcGetCUBIN(program, code.data()), "nvrtcGetCUBIN");
    check(nvrtcDestroyProgram(&program), "nvrtcDestroyProgram");
    return code;
}

// FNV-1a: whether two compilations came to the same, not whether anybody meddled.
std::string hash(const std::vector<char>& bytes) {
    uint64_t hash = 14695981039346656037u;
    for (unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211u;
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
    return text;
}

int devices() {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver) return 0;
    check(error, "cudaGetDeviceCount");
    return count;
}

// The tensors of the model, in the order in which the file has them: b0, b1, w0, w1.
struct Model {
    std::vector<float> b0, b1, w0, w1;

    explicit Model(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        uint64_t header;
        if (text.size() < sizeof header) throw std::runtime_error(path + " cannot be read");
        std::memcpy(&header, text.data(), sizeof header);
        const size_t floats = kHidden + kDigits + kPixels * kHidden + kHidden * kDigits;
        if (text.size() != sizeof header + header + floats * sizeof(float))
            throw std::runtime_error(path + " is not the model that this program was written for");
        const char* at = text.data() + sizeof header + header;
        const auto take = [&at](std::vector<float>& tensor, size_t size) {
            tensor.resize(size);
            std::memcpy(tensor.data(), at, size * sizeof(float));
            at += size * sizeof(float);
        };
        take(b0, kHidden);
        take(b1, kDigits);
        take(w0, kPixels * kHidden);
        take(w1, kHidden * kDigits);
    }
};

class Memory {
public:
    explicit Memory(size_t floats) { check(cudaMalloc(&at_, floats * sizeof(float)), "cudaMalloc"); }
    explicit Memory(const std::vector<float>& values) : Memory(values.size()) {
        check(cudaMemcpy(at_, values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() { cudaFree(at_); }
    float*& at() { return at_; }

private:
    float* at_ = nullptr;
};

template <typename Function>
Function driver(const char* name) {
    void* found = nullptr;
    check(cudaGetDriverEntryPoint(name, &found, cudaEnableDefault), name);
    if (!found) throw std::runtime_error(std::string("the driver has no ") + name);
    return reinterpret_cast<Function>(found);
}

// A layer, compiled for the GPU that is there.
void run_layer(const std::string& architecture, Memory& in, int deep, const std::vector<float>& weights,
               const std::vector<float>& biases, bool rectify, Memory& out) {
    const int wide = int(biases.size());
    const std::vector<char> code = compile(architecture, deep, wide, rectify);
    CUmodule module;
    CUfunction kernel;
    check(driver<decltype(&cuModuleLoadData)>("cuModuleLoadData")(&module, code.data()), "cuModuleLoadData");
    check(driver<decltype(&cuModuleGetFunction)>("cuModuleGetFunction")(&kernel, module, "layer"), "cuModuleGetFunction");
    Memory w(weights), b(biases);
    void* given[] = {&in.at(), &w.at(), &b.at(), &out.at()};
    check(driver<decltype(&cuLaunchKernel)>("cuLaunchKernel")(kernel, 1, 1, 1, wide, 1, 1, 0, nullptr, given, nullptr),
          "cuLaunchKernel");
    check(cudaDeviceSynchronize(), "layer");
    check(driver<decltype(&cuModuleUnload)>("cuModuleUnload")(module), "cuModuleUnload");
}

std::vector<float> classify(const std::vector<float>& pixels, const Model& model) {
    cudaDeviceProp device;
    check(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
    const std::string architecture = "sm_" + std::to_string(device.major) + std::to_string(device.minor);
    Memory in(pixels), hidden(kHidden), out(kDigits);
    run_layer(architecture, in, kPixels, model.w0, model.b0, true, hidden);
    run_layer(architecture, hidden, kHidden, model.w1, model.b1, false, out);
    softmax<<<1, 1>>>(out.at());
    check(cudaGetLastError(), "softmax");
    std::vector<float> probabilities(kDigits);
    check(cudaMemcpy(probabilities.data(), out.at(), kDigits * sizeof(float), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return probabilities;
}

void print(const std::vector<float>& probabilities) {
    int digit = 0;
    for (int i = 1; i < kDigits; ++i)
        if (probabilities[i] > probabilities[digit]) digit = i;
    std::printf("{\"digit\": %d, \"probabilities\": [", digit);
    for (int i = 0; i < kDigits; ++i) std::printf("%s%.4f", i ? ", " : "", probabilities[i]);
    std::printf("]}");
}

int run(int count, char** words) {
    const char* path = std::getenv("MODEL");
    const Model model(path ? path : "model.safetensors");
    if (count == 2 && std::string(words[1]) == "--check") {
        // The runtime does not tell its own version where there is no driver, but it tells that.
        int driver, major, minor;
        check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
        check(nvrtcVersion(&major, &minor), "nvrtcVersion");
        const std::string first = hash(compile("sm_70", kPixels, kHidden, true));
        const std::string second = hash(compile("sm_70", kHidden, kDigits, false));
        std::printf("{\"driver\": \"%d.%d\", \"nvrtc\": \"%d.%d\", \"compiled\": [\"%s\", \"%s\"], \"sample\": ",
                    driver / 1000, driver % 1000 / 10, major, minor, first.c_str(), second.c_str());
        if (devices() > 0)
            print(classify({std::begin(kSample), std::end(kSample)}, model));
        else
            std::printf("\"no device\"");
        std::printf("}\n");
        return 0;
    }
    std::vector<float> pixels;
    for (int i = 1; i < count; ++i) pixels.push_back(std::strtof(words[i], nullptr));
    if (pixels.size() != kPixels) {
        std::fprintf(stderr, "usage: classify --check, or classify with %d numbers from 0 to 16\n", kPixels);
        return 2;
    }
    if (devices() == 0) {
        std::fprintf(stderr, "no device: this program classifies on a GPU\n");
        return 3;
    }
    print(classify(pixels, model));
    std::printf("\n");
    return 0;
}

}  // namespace

int main(int count, char** words) {
    try {
        return run(count, words);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "classify: %s\n", error.what());
        return 1;
    }
}
