#!/bin/sh
# Gets an access token for the refresh token that is the first argument.
set -eu
curl --silent --show-error \
  --request POST \
  --user "myClientID:password" \
  --data "grant_type=refresh_token&refresh_token=$1" \
  "$OPENAM_URL/oauth2/access_token"
