#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "client/cli/program.h"
#include "client/posix/interrupt.h"
#include "common/testing/seed.h"
#include "common/time/clock.h"
#include "gtest/gtest.h"

namespace cairn::client {

// A test that runs the whole program in this process. One thread.
class ProgramConsole : public ::testing::Test {
 protected:
  // Takes the place of a stream's buffer, and interrupts the run as soon as
  // it has written `text` to it.
  class RaisingBuffer final : public std::stringbuf {
   public:
    RaisingBuffer(Interrupt* interrupt, std::string text)
        : interrupt_(interrupt), text_(std::move(text)) {}

   protected:
    int sync() override {
      if (absl::StrContains(str(), text_)) interrupt_->Raise();
      return 0;
    }

   private:
    Interrupt* const interrupt_;
    const std::string text_;
  };

  // The exit code.
  int Run(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    const Console console = {
        .out = &out_,
        .err = &err_,
        .environment =
            [this](const std::string& name) -> std::optional<std::string> {
          const auto found = variables_.find(name);
          if (found == variables_.end()) return std::nullopt;
          return found->second;
        },
        .clock = &clock_,
        .interrupt = &interrupt_};
    return RunProgram(arguments, console, random_);
  }

  // Of the last run.
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }
  Json json() const { return Json::parse(out_.str()); }

  std::mt19937_64 random_{TestSeed()};
  std::map<std::string, std::string> variables_;
  SystemClock clock_;
  Interrupt interrupt_;
  std::ostringstream out_;
  std::ostringstream err_;
};

}  // namespace cairn::client
