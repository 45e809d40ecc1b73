"""Children of versions: conversion to other formats, each proved equal to its parent before it is registered."""
