// The one include of Catch2, so that moving from version 2 to 3 is one edit.
#ifndef VADE_TESTS_CATCH_H_
#define VADE_TESTS_CATCH_H_

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#endif  // VADE_TESTS_CATCH_H_
