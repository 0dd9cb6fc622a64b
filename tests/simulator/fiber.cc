#include "tests/simulator/fiber.h"

#include <sys/mman.h>

#include <utility>
#include <vector>

#include "common/log/log.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace cairn::simulator {
namespace {

// Of virtual memory; pages that are never touched cost nothing.
constexpr size_t kStackBytes = size_t{512} << 10;
constexpr size_t kGuardBytes = size_t{16} << 10;

// Stacks of fibers that have ended, to be used again.
std::vector<void*>& FreeStacks() {
  static auto* const stacks = new std::vector<void*>;
  return *stacks;
}

void* TakeStack() {
  if (!FreeStacks().empty()) {
    void* const stack = FreeStacks().back();
    FreeStacks().pop_back();
    return stack;
  }
  void* const stack =
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  CHECK(stack != MAP_FAILED);
  CHECK(mprotect(stack, kGuardBytes, PROT_NONE) == 0);
  return stack;
}

// The fiber that Enter is to run: makecontext hands over nothing but ints.
Fiber* entering = nullptr;

}  // namespace

Fiber::Fiber(Body body) : body_(std::move(body)), stack_(TakeStack()) {
  CHECK(getcontext(&own_) == 0);
  own_.uc_stack.ss_sp = static_cast<char*>(stack_) + kGuardBytes;
  own_.uc_stack.ss_size = kStackBytes - kGuardBytes;
  own_.uc_link = nullptr;
  makecontext(&own_, &Fiber::Enter, 0);
#ifdef __SANITIZE_THREAD__
  tsan_own_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#ifdef __SANITIZE_THREAD__
  __tsan_destroy_fiber(tsan_own_);
#endif
  FreeStacks().push_back(stack_);
}

void Fiber::Enter() {
  Fiber* const fiber = std::exchange(entering, nullptr);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(nullptr, &fiber->resumer_stack_,
                                  &fiber->resumer_stack_bytes_);
#endif
  fiber->Run();
}

void Fiber::Run() {
  body_();
  body_ = nullptr;
  ended_ = true;
#ifdef __SANITIZE_ADDRESS__
  // Null: this stack is not used any more.
  __sanitizer_start_switch_fiber(nullptr, resumer_stack_, resumer_stack_bytes_);
#endif
#ifdef __SANITIZE_THREAD__
  __tsan_switch_to_fiber(tsan_resumer_, 0);
#endif
  setcontext(&resumer_);
}

void Fiber::Resume() {
  entering = this;
#ifdef __SANITIZE_THREAD__
  tsan_resumer_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(tsan_own_, 0);
#endif
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&resumer_shadow_, own_.uc_stack.ss_sp,
                                 own_.uc_stack.ss_size);
#endif
  log_fields_ = ExchangeLogScope(log_fields_);
  CHECK(swapcontext(&resumer_, &own_) == 0);
  log_fields_ = ExchangeLogScope(log_fields_);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(resumer_shadow_, nullptr, nullptr);
#endif
}

void Fiber::Suspend() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&own_shadow_, resumer_stack_,
                                 resumer_stack_bytes_);
#endif
#ifdef __SANITIZE_THREAD__
  __tsan_switch_to_fiber(tsan_resumer_, 0);
#endif
  CHECK(swapcontext(&own_, &resumer_) == 0);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(own_shadow_, &resumer_stack_,
                                  &resumer_stack_bytes_);
#endif
}

}  // namespace cairn::simulator
