"""One certificate's exchanges with its vendor: access tokens, requests, and what their replies mean."""
