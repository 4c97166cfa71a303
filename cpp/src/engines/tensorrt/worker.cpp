#ifdef SWSSS_WITH_TENSORRT

#include "engines/tensorrt/worker.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "swsss/errors.hpp"

namespace swsss {
namespace {

/// Shapes whose memory and graphs are kept.
constexpr std::size_t kept = 8;

constexpr const char* largest_size = "reserve memory for the engine's largest size";

std::int64_t longest(std::span<const Candidates> candidates) {
    std::size_t slots = 1;
    for (const Candidates& ids : candidates) {
        slots = std::max(slots, ids.size());
    }
    return static_cast<std::int64_t>(slots);
}

}  // namespace

TensorRTWorker::TensorRTWorker(const TensorRTSession& session)
    : session_(session), stream_(new_stream()), done_(new_event()) {
    try {
        memory_ = device_memory(session.memory_size());
    } catch (const CudaError& error) {
        throw UserError(session.library() + " could not " + largest_size + ": " + error.what());
    }
    shared_ = new_context();
    session.require(shared_ != nullptr, largest_size);
}

std::vector<Labels> TensorRTWorker::label(std::span<const Image* const> images,
                                          std::span<const Candidates> candidates) {
    assert(!images.empty());
    const bool conditioned = session_.sidecar().model.conditioned;
    assert(!conditioned || candidates.size() == images.size());
    const std::int64_t slots = conditioned ? longest(candidates) : 0;
    std::vector<Labels> labels;
    labels.reserve(images.size());
    while (labels.size() < images.size()) {
        const auto rest = images.subspan(labels.size());
        const BatchSize left{static_cast<std::int64_t>(rest.size()), rest[0]->height, rest[0]->width};
        const Choice choice = choose(left);
        const BatchShape shape{{choice.count, left.height, left.width}, slots};
        const auto count = static_cast<std::size_t>(choice.count);
        KnownShape& found = known(shape, choice.index);
        fill(found, rest.first(count),
             conditioned ? candidates.subspan(labels.size(), count) : std::span<const Candidates>());
        compute(found);
        take(found, labels);
    }
    return labels;
}

Choice TensorRTWorker::choose(const BatchSize& batch) const {
    const auto& profiles = session_.sidecar().engine.profiles;
    const auto choice = choose_profile(profiles, batch);
    if (!choice) {
        throw UserError(too_large(profiles, batch));
    }
    return *choice;
}

KnownShape& TensorRTWorker::known(const BatchShape& shape, std::size_t profile) {
    const auto found =
        std::find_if(known_.begin(), known_.end(), [&](const KnownShape& known) { return known.shape == shape; });
    if (found != known_.end()) {
        known_.splice(known_.begin(), known_, found);
        return known_.front();
    }
    if (known_.size() == kept) {
        known_.pop_back();
    }
    try {
        known_.emplace_front(shape, profile);
    } catch (const CudaError&) {  // what is kept of other shapes may be what is missing
        known_.clear();
        known_.emplace_front(shape, profile);
    }
    return known_.front();
}

std::unique_ptr<nvinfer1::IExecutionContext> TensorRTWorker::new_context() const {
    auto context = session_.new_context();
    if (context) {
        context->setDeviceMemoryV2(memory_.get(), static_cast<std::int64_t>(session_.memory_size()));
    }
    return context;
}

void TensorRTWorker::compute(KnownShape& known) {
    if (known.graph) {
        must(cudaGraphLaunch(known.graph.get(), stream_.get()), "label a batch");
        wait();
        return;
    }
    if (std::exchange(known.again, true) && known.capturable && !known.context) {
        give_context(known);
    }
    if (!known.context) {
        bind(session_, *shared_, known, stream_.get());
    }
    enqueue(known.context ? *known.context : *shared_, known.buffers);
    wait();
    // That was the warm-up TensorRT asks for: what it does only the first time must not be captured.
    if (known.context && known.capturable) {
        known.graph = capture(known);
        known.capturable = known.graph != nullptr;
    }
}

void TensorRTWorker::give_context(KnownShape& known) {
    auto context = new_context();
    if (!context) {  // no room for one more; the shared one does as well
        TensorRTSession::forget();
        known.capturable = false;
        return;
    }
    bind(session_, *context, known, stream_.get());
    known.context = std::move(context);
}

void TensorRTWorker::enqueue(Context& context, const Buffers& buffers) {
    buffers.upload(stream_.get());
    session_.require(context.enqueueV3(stream_.get()), "label a batch");
    buffers.download(stream_.get());
}

void TensorRTWorker::wait() {
    must(cudaEventRecord(done_.get(), stream_.get()), "label a batch");
    must(cudaEventSynchronize(done_.get()), "label a batch");
}

RunnableGraph TensorRTWorker::capture(KnownShape& known) {
    // Other threads go on using CUDA: only what this thread does is captured, and only its mistakes break the capture.
    if (cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal) != cudaSuccess) {
        static_cast<void>(cudaGetLastError());
        return nullptr;
    }
    bool captured = true;
    try {
        enqueue(*known.context, known.buffers);
    } catch (const std::exception&) {  // an engine may hold layers that cannot be captured; it runs without a graph
        captured = false;
    }
    cudaGraph_t made = nullptr;
    captured = cudaStreamEndCapture(stream_.get(), &made) == cudaSuccess && captured;
    const Graph graph(made);
    cudaGraphExec_t runnable = nullptr;
    captured = captured && cudaGraphInstantiateWithFlags(&runnable, graph.get(), 0) == cudaSuccess;
    static_cast<void>(cudaGetLastError());  // or the next call would be blamed for it
    return RunnableGraph(captured ? runnable : nullptr);
}

}  // namespace swsss

#endif
