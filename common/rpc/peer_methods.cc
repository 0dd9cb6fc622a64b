#include "common/rpc/peer_methods.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"

namespace cairn {

RpcType TypeOfMethod(const google::protobuf::MethodDescriptor& method) {
  if (method.client_streaming()) {
    return method.server_streaming() ? RpcType::kBidiStream
                                     : RpcType::kClientStream;
  }
  return method.server_streaming() ? RpcType::kServerStream : RpcType::kUnary;
}

std::shared_ptr<const RpcMethodTable> CountPeerMethods(
    std::initializer_list<std::string_view> services,
    MetricRegistry* registry) {
  auto table = std::make_shared<RpcMethodTable>(RpcSide::kClient, registry);
  for (const std::string_view service : services) {
    const google::protobuf::ServiceDescriptor* const descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            std::string(service));
    CHECK(descriptor != nullptr) << service << " is not linked";
    for (int i = 0; i < descriptor->method_count(); ++i) {
      const google::protobuf::MethodDescriptor& method = *descriptor->method(i);
      table->AddMethod(absl::StrCat(service, "/", method.name()),
                       TypeOfMethod(method));
    }
  }
  return table;
}

}  // namespace cairn
