"""What the tests of kills, power cuts and memory stand on. Nothing here tests anything by itself."""
