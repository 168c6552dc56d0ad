#!/bin/sh
# Gets an access token and a refresh token for a user name and a password.
# OPENAM_URL is where OpenAM is deployed, such as http://127.0.0.1:8080/openam
set -eu
curl --silent --show-error \
  --request POST \
  --user "myClientID:password" \
  --data "grant_type=password&username=demo&password=changeit&scope=cn%20mail" \
  "$OPENAM_URL/oauth2/access_token"
