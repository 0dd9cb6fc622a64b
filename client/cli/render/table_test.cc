#include "client/cli/render/table.h"

#include <sstream>

#include "gtest/gtest.h"

namespace cairn::client {
namespace {

TEST(TableTest, AlignsColumns) {
  Table table({{"NAME"}, {"SIZE", Table::Align::kRight}, {"NOTE"}});
  table.AddRow({"a", "1", ""});
  table.AddRow({"l\xc3\xa4nger", "1000", "x"});
  std::ostringstream out;
  table.Print(out, "nothing");
  EXPECT_EQ(out.str(),
            "NAME    SIZE  NOTE\n"
            "a          1\n"
            "l\xc3\xa4nger  1000  x\n");
}

TEST(TableTest, SaysThatThereIsNothing) {
  std::ostringstream out;
  Table({{"NAME"}}).Print(out, "no names");
  EXPECT_EQ(out.str(), "no names\n");
}

TEST(TableTest, CellsCannotMoveTheCursor) {
  Table table({{"A"}});
  table.AddRow({"\033[2Jx", "too many"});
  std::ostringstream out;
  table.Print(out, "");
  EXPECT_EQ(out.str(), "A\n?[2Jx\n");
}

}  // namespace
}  // namespace cairn::client
