#!/bin/sh
# Gets an SSO token: the session with which a user may see the tokens that were issued in his name.
set -eu
curl --silent --show-error \
  --request POST \
  --header "X-OpenAM-Username: demo" \
  --header "X-OpenAM-Password: changeit" \
  --header "Content-Type: application/json" \
  --data "{}" \
  "$OPENAM_URL/json/authenticate"
