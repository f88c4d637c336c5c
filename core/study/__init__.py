"""Expert reading: a page on which people grade made and simulated X-rays blind, and what their answers say."""
