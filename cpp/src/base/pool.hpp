/// Work done in threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace swsss {

/// Threads that take tasks in the order they come. Whoever submits keeps the number of tasks that wait bounded.
class ThreadPool {
  public:
    explicit ThreadPool(int threads) {
        for (int count = 0; count < threads; ++count) {
            threads_.emplace_back([this] { work(); });
        }
    }
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ThreadPool(ThreadPool&&) = delete;
    ThreadPool& operator=(ThreadPool&&) = delete;

    /// Tasks that have not begun are dropped, the others waited for.
    ~ThreadPool() {
        {
            const std::lock_guard lock(mutex_);
            closing_ = true;
            tasks_.clear();
        }
        changed_.notify_all();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    /// The result of `task`, or what it throws, once a thread has come to it.
    template <typename Task>
    [[nodiscard]] std::future<std::invoke_result_t<Task>> submit(Task task) {
        // Shared, because std::function wants to copy what it holds.
        auto packed = std::make_shared<std::packaged_task<std::invoke_result_t<Task>()>>(std::move(task));
        auto result = packed->get_future();
        {
            const std::lock_guard lock(mutex_);
            tasks_.emplace_back([packed] { (*packed)(); });
        }
        changed_.notify_one();
        return result;
    }

  private:
    void work() {
        while (true) {
            std::function<void()> task;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [this] { return closing_ || !tasks_.empty(); });
                if (tasks_.empty()) {
                    return;
                }
                task = std::move(tasks_.front());
                tasks_.pop_front();
            }
            task();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
    bool closing_ = false;
    std::vector<std::thread> threads_;  // last: they use the rest
};

}  // namespace swsss
