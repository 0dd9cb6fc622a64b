#!/usr/bin/env python3
"""That the series an expression asks for are found in it."""

import unittest

import report
from promql import metrics, selectors


class Selectors(unittest.TestCase):

    def test_names_are_told_from_functions_labels_and_words(self):
        self.assertEqual(
            selectors('sum by (job, code) (rate(a_total{code!="OK"}[5m]))\n'
                      "  / on(job) group_left() b # not c\n"
                      "  and time() - d:e > bool 26 * 3600"),
            ['a_total{code!="OK"}', "b", "d:e"])

    def test_braces_and_quotes_within_strings_do_not_end_them(self):
        self.assertEqual(selectors(r'a{b="}\"", c=~"x|y{1,2}"} unless a'),
                         [r'a{b="}\"",c=~"x|y{1,2}"}', "a"])

    def test_durations_and_numbers_are_no_names(self):
        self.assertEqual(
            selectors("predict_linear(a[1h30m:5m] offset 7d, 1e3) < Inf"),
            ["a"])

    def test_labels_behind_an_aggregation_are_no_names(self):
        self.assertEqual(
            selectors("topk(5, a) by (b) or vector(0) + sum(c) without (d)"),
            ["a", "c"])

    def test_a_selector_without_a_name_is_refused(self):
        with self.assertRaises(ValueError):
            selectors('{job="x"}')

    def test_a_metric_is_named_once(self):
        self.assertEqual(metrics('a{x="1"} / a{x="2"} + b'), ["a", "b"])


if __name__ == "__main__":
    report.main()
