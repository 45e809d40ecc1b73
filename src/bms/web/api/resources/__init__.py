"""The endpoints, a file per resource. `repository` alone has paths of another protocol."""
