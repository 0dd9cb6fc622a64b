#pragma once

#include <functional>
#include <string>
#include <utility>

#include "common/model/call.h"
#include "tests/simulator/network.h"
#include "tests/simulator/process.h"

namespace cairn::simulator {

// What the clients of one process in another have in common.
template <typename To>
class Remote {
 protected:
  // All outlive the client.
  Remote(Network* network, Process* from, To* to)
      : network_(network), from_(from), to_(to) {}
  ~Remote() = default;

  template <typename R>
  R Ask(const std::string& what, const Call& call,
        std::function<R(const Call&)> handle) const {
    return network_->template Ask<R>(from_, to_, what, call, std::move(handle));
  }

  Network* const network_;
  Process* const from_;
  To* const to_;
};

}  // namespace cairn::simulator
