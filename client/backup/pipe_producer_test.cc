#include "client/backup/pipe_producer.h"

#include <unistd.h>

#include <string>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

class PipeProducerTest : public ::testing::Test {
 protected:
  PipeProducerTest() { EXPECT_EQ(pipe(fds_), 0); }
  ~PipeProducerTest() override {
    close(fds_[0]);
    if (fds_[1] >= 0) close(fds_[1]);
  }
  void Write(const std::string& data) {
    ASSERT_EQ(write(fds_[1], data.data(), data.size()),
              static_cast<ssize_t>(data.size()));
  }
  void CloseWriter() {
    close(fds_[1]);
    fds_[1] = -1;
  }

  int fds_[2] = {-1, -1};
  Interrupt interrupt_;
};

TEST_F(PipeProducerTest, ReadsToTheEnd) {
  PipeProducer producer(fds_[0], "stdin", &interrupt_);
  Write("abc");
  CloseWriter();
  ASSERT_OK_AND_ASSIGN(const auto first, producer.Read());
  EXPECT_EQ(first, "abc");
  ASSERT_OK_AND_ASSIGN(const auto end, producer.Read());
  EXPECT_EQ(end, "");
}

TEST_F(PipeProducerTest, SaysThatThereIsNothingForNow) {
  PipeProducer producer(fds_[0], "stdin", &interrupt_);
  ASSERT_OK_AND_ASSIGN(const auto nothing, producer.Read());
  EXPECT_EQ(nothing, std::nullopt);
  Write("abc");
  ASSERT_OK_AND_ASSIGN(const auto some, producer.Read());
  EXPECT_EQ(some, "abc");
}

TEST_F(PipeProducerTest, StopsWhenInterrupted) {
  PipeProducer producer(fds_[0], "stdin", &interrupt_);
  interrupt_.Raise();
  EXPECT_THAT(producer.Read(), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace cairn::client
