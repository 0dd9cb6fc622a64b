#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "common/testing/fake_clock.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"
#include "services/index/client/session_client.h"
#include "services/index/client/sweep_client.h"

namespace cairn {

// An empty index and a way to it. Its caller is a service.
class IndexUnderTest {
 public:
  virtual ~IndexUnderTest() = default;
  virtual CatalogClient& catalog() = 0;
  virtual SessionClient& sessions() = 0;
  virtual FenceClient& fence() = 0;
  virtual IndexSweepClient& sweeps() = 0;
};

struct IndexFactory {
  std::string name;
  std::function<std::unique_ptr<IndexUnderTest>(FakeClock* clock)> make;
};

inline void PrintTo(const IndexFactory& factory, std::ostream* out) {
  *out << factory.name;
}

// The real index in this process, and the same behind its rpc layer on a unix
// socket. There deadlines run on the machine's clock; snapshot times are of
// the test's.
IndexFactory LocalIndexFactory();
IndexFactory GrpcIndexFactory();

}  // namespace cairn
