"""The trusted grader: answers run jailed, tests run outside, and only plain values cross."""
