"""The only room that knows Parsl: environments, argv lists, executors, the driver."""
