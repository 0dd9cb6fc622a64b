#pragma once

#include <ucontext.h>

#include <cstddef>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "common/log/log_fields.h"

namespace cairn::simulator {

// A flow of control with a stack of its own, on the thread of whoever resumes
// it: it runs until it suspends itself or ends. All of one thread.
class Fiber {
 public:
  using Body = absl::AnyInvocable<void()>;

  explicit Fiber(Body body);
  // Only of one that has ended, or was never resumed.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs it until it suspends or ends. Not from within a fiber.
  void Resume();
  // Back to whoever resumed it. Only from within it.
  void Suspend();
  bool ended() const { return ended_; }

 private:
  static void Enter();
  void Run();

  Body body_;
  void* stack_ = nullptr;
  ucontext_t own_;
  ucontext_t resumer_;
  bool ended_ = false;
  LogFields* log_fields_ = nullptr;  // of its scope while it is suspended
  // What the sanitizers know of the two stacks.
  void* own_shadow_ = nullptr;
  void* resumer_shadow_ = nullptr;
  const void* resumer_stack_ = nullptr;
  size_t resumer_stack_bytes_ = 0;
  void* tsan_own_ = nullptr;
  void* tsan_resumer_ = nullptr;
};

}  // namespace cairn::simulator
