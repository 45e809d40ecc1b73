"""The endpoints of the API, a file per resource. `repository` alone has paths of another protocol."""
